"""W6 and W5 through HTTP: names under concurrency, and a log that does not answer."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from cozeloop.demo.tour import EVALUATION
from tests.e2e.processes import Platform
from tests.integration.proof.people import PROMPTS, Person, events

KEY_TAKEN = 600501008
CODE = "def exec_evaluation(turn):\n    return {'score': 1}\n"


def create_evaluator(person: Person, name: str) -> dict[str, object]:
    content = {"code_evaluator": {"language_type": "Python", "code_content": CODE}}
    evaluator = {
        "workspace_id": person.space,
        "name": name,
        "evaluator_type": 2,
        "current_version": {"version": "0.0.1", "evaluator_content": content},
    }
    return person.answer("POST", f"{EVALUATION}/evaluators", {"evaluator": evaluator})


@pytest.fixture
def platform(shared: Platform) -> Platform:
    return shared


@pytest.fixture
def ada(platform: Platform) -> Person:
    return Person(platform)


def test_of_fifty_creations_under_one_key_one_wins(platform: Platform, ada: Person) -> None:
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: ada.prompt("wanted"), range(50)))
    assert Counter(a["code"] for a in answers) == {0: 1, KEY_TAKEN: 49}
    assert ada.keys() == ["wanted"]
    [winner] = [a["prompt_id"] for a in answers if a["code"] == 0]
    assert Person(platform).prompt("wanted")["code"] == 0

    assert ada.answer("DELETE", f"{PROMPTS}/{winner}")["code"] == 0
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: ada.prompt("wanted"), range(10)))
    assert Counter(a["code"] for a in answers) == {0: 1, KEY_TAKEN: 9}
    assert ada.keys() == ["wanted"]


def test_a_renamed_evaluator_frees_its_name_for_one_of_many(ada: Person) -> None:
    first = create_evaluator(ada, "old")
    assert first["code"] == 0
    refused = create_evaluator(ada, "old")["code"]
    assert refused not in (0, 601200702)
    path = f"{EVALUATION}/evaluators/{first['evaluator_id']}"
    assert ada.answer("PATCH", path, {"workspace_id": ada.space, "name": "new"})["code"] == 0
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: create_evaluator(ada, "old"), range(10)))
    assert Counter(a["code"] for a in answers) == {0: 1, refused: 9}
    assert create_evaluator(ada, "new")["code"] == refused
    assert ada.answer("PATCH", path, {"workspace_id": ada.space, "name": "old"})["code"] == refused


def test_of_many_registrations_of_one_e_mail_one_wins(platform: Platform) -> None:
    def register(number: int) -> dict[str, object]:
        body = {"email": " One@example.com " if number % 2 else "one@EXAMPLE.com", "password": "correct horse"}
        return dict(httpx.post(f"{platform.url}/api/foundation/v1/users/register", json=body, timeout=60).json())

    before = registered(platform)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(register, range(12)))
    codes = Counter(a["code"] for a in answers)
    assert codes[0] == 1
    assert len(codes) == 2 and 602000702 not in codes
    assert registered(platform) == before + 1
    login = {"email": "one@example.com", "password": "correct horse"}
    assert httpx.post(f"{platform.url}/api/foundation/v1/users/login_by_password", json=login).json()["code"] == 0


def registered(platform: Platform) -> int:
    """How many users there are."""
    return Counter(e["type"] for e in events(platform.data_dir))["UserRegistered"]


@pytest.mark.slow
def test_a_log_that_does_not_answer_is_told_as_such_and_the_key_says_afterwards_what_happened(
    platform: Platform, ada: Person
) -> None:
    assert ada.prompt("before")["code"] == 0
    server = platform.log_server
    os.kill(server, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(3) as threads:
            unkeyed = threads.submit(ada.prompt, "unkeyed")
            keyed = threads.submit(ada.prompt, "keyed", "mine")
            health = threads.submit(platform.health)
            # before an append nothing can have been stored (703), after it nobody knows (701)
            assert unkeyed.result()["code"] in (600500701, 600500703)
            assert keyed.result()["code"] in (600500701, 600500703)
            assert health.result()[0] == 503
        ada.call("POST", "/api/foundation/v1/spaces/list", {"page_number": 1, "page_size": 10})
    finally:
        os.kill(server, signal.SIGCONT)
    platform.ready()
    assert ada.prompt("keyed", "mine")["code"] == 0
    assert ada.prompt("keyed", "mine") == ada.prompt("keyed", "mine")
    assert ada.prompt("unkeyed")["code"] in (0, KEY_TAKEN)
    assert ada.keys() == ["before", "keyed", "unkeyed"]
    mine = [e for e in events(platform.data_dir) if e["stream"].startswith(f"{ada.space}.prompts.")]
    named = Counter(e["payload"]["name"] for e in mine if e["type"] == "PromptCreated")
    assert named == {"before": 1, "keyed": 1, "unkeyed": 1}
