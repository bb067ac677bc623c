"""W3: the same Idempotency-Key again, also after a restart, is the same answer and one effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cozeloop.demo.tour import EVALUATION, Tour
from tests.e2e.processes import Platform
from tests.integration.proof.people import PROMPTS, Person, events

READS = ("/list", "/batch_get", "/check_name", "/drafts/save", "/update_draft", "/users/", "/personal_access_tokens")
MODELS = """models:
  - {id: 1, name: m, protocol: openai, protocol_config: {base_url: "http://127.0.0.1:9/v1", api_key: k, model: m}}
"""


SLOW = "import time\n\ndef exec_evaluation(turn):\n    time.sleep(1)\n    return {'score': 1}\n"
"""An experiment with it is still running when it is killed."""


@dataclass(frozen=True)
class Asked:
    """A request with its key, and what came back."""

    method: str
    path: str
    body: Any
    query: dict[str, Any]
    key: str
    answer: bytes
    headers: dict[str, str]


class Careful(Person):
    """Sends a key of its own with every write, and keeps what was answered."""

    def __init__(self, platform: Platform) -> None:
        self.asked: list[Asked] = []
        super().__init__(platform)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        if method == "GET" or any(part in path for part in READS):
            return super().call(method, path, body, **query)
        asked = self.ask(method, path, body, query, f"key-{len(self.asked)}")
        self.asked.append(asked)
        answer: dict[str, Any] = json.loads(asked.answer)
        assert answer["code"] == 0, (path, answer)
        now = self.again(asked)
        assert (now.answer, now.headers) == (asked.answer, asked.headers), path
        return answer

    def ask(self, method: str, path: str, body: Any, query: dict[str, Any], key: str) -> Asked:
        """One keyed request."""
        headers = {"Idempotency-Key": key}
        response = self.http.request(method, path, json=body, params=query or None, headers=headers)
        kept = {k: v for k, v in response.headers.items() if k not in ("x-log-id", "x-tt-logid")}
        return Asked(method, path, body, query, key, response.content, kept)

    def again(self, asked: Asked) -> Asked:
        """The very same request."""
        return self.ask(asked.method, asked.path, asked.body, asked.query, asked.key)

    def everything(self) -> None:
        """One of each command."""
        prompt = self.prompt_with_versions()
        set_id, version_id = self.dataset()
        items = f"{EVALUATION}/evaluation_sets/{set_id}"
        space = {"workspace_id": self.space}
        evaluator_version = self.code_evaluator("exact", SLOW)
        evaluator = self.http.post(f"{EVALUATION}/evaluators/list", json={**space, "page_number": 1, "page_size": 9})
        evaluator_id = evaluator.json()["evaluators"][0]["evaluator_id"]
        experiment = self.submit("run", set_id, version_id, evaluator_version, None, 3)
        self.call("POST", f"{EVALUATION}/experiments/{experiment}/kill", space)
        found = super().call("POST", f"{items}/items/list", {**space, "page_number": 1, "page_size": 2})["items"]
        item = {**space, "turns": found[0]["turns"]}
        item["turns"][0]["field_data_list"][0]["content"]["text"] = "changed"
        self.call("PUT", f"{items}/items/{found[0]['item_id']}", item)
        self.call("PATCH", items, {**space, "name": "renamed", "description": "anew"})
        schema = super().call("GET", items, None, workspace_id=self.space)["evaluation_set"]["evaluation_set_version"]
        fields = schema["evaluation_set_schema"]["field_schemas"]
        self.call("PUT", f"{items}/schema", {**space, "fields": [*fields, {**fields[0], "key": "", "name": "third"}]})
        self.call("POST", f"{items}/items/batch_delete", {**space, "item_ids": [found[1]["item_id"]]})
        self.call("POST", f"{items}/items/clear", space)
        self.call("PATCH", f"{EVALUATION}/evaluators/{evaluator_id}", {**space, "name": "renamed"})
        content = {
            "code_evaluator": {
                "language_type": "Python",
                "code_content": "def exec_evaluation(turn):\n    return {'score': 0}\n",
            }
        }
        draft = {**space, "evaluator_content": content, "evaluator_type": 2}
        super().call("PATCH", f"{EVALUATION}/evaluators/{evaluator_id}/update_draft", draft)
        self.call("POST", f"{EVALUATION}/evaluators/{evaluator_id}/submit_version", {**space, "version": "0.0.2"})
        self.call("PUT", prompt, {"prompt_name": "renamed"})
        self.call("DELETE", f"{EVALUATION}/experiments/{experiment}", None, workspace_id=self.space)
        self.call("DELETE", f"{EVALUATION}/evaluators/{evaluator_id}", None, workspace_id=self.space)
        self.call("DELETE", items, None, workspace_id=self.space)
        self.call("DELETE", prompt)

    def prompt_with_versions(self) -> str:
        """A prompt of the tour; its path."""
        return f"{PROMPTS}/{Tour.prompt(self, '1')}"


def own(asked: Asked) -> tuple[Any, ...]:
    """An answer byte for byte; of the two that show other things by their names of today, what is the command's own."""
    answer = json.loads(asked.answer)
    if asked.path.endswith("/experiments/submit"):
        for other in ("eval_set", "evaluators", "expt_stats"):
            del answer["experiment"][other]
        return answer, asked.headers["x-log-position"]
    if asked.path.endswith("/submit_version"):
        return answer["evaluator"]["evaluator_id"], asked.headers["x-log-position"]
    return asked.answer, asked.headers


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for all: each test has people of its own, and leaves it running."""
    folder = tmp_path_factory.mktemp("idempotency")
    config = folder / "model_config.yaml"
    config.write_text(MODELS)
    with Platform(folder / "data", COZELOOP_MODEL_CONFIG=str(config), COZELOOP_UNSAFE_CODE="1") as made:
        yield made.start().ready()


def test_every_command_is_answered_again_as_it_was_also_after_a_restart(platform: Platform) -> None:
    ada = Careful(platform)
    ada.everything()
    told = len(events(platform.data_dir))
    for start in ("the same process", "a restart", "a kill"):
        if start == "a restart":
            assert platform.stop() == 0
        elif start == "a kill":
            platform.kill()
        if start != "the same process":
            platform.start().ready()
        for was in ada.asked:
            now = ada.again(was)
            assert own(now) == own(was), (start, was.path)
    assert len(events(platform.data_dir)) == told


def test_a_key_with_another_body_is_refused_and_nothing_happens(platform: Platform) -> None:
    ada = Person(platform)
    assert ada.prompt("one", "mine")["code"] == 0
    for restarted in (False, True):
        if restarted:
            assert platform.stop() == 0
            platform.start().ready()
        refused = ada.prompt("two", "mine")
        assert refused["code"] == 600500204
        assert "Idempotency-Key" in refused["msg"]
    assert ada.keys() == ["one"]


def test_a_key_belongs_to_its_caller_and_route(platform: Platform) -> None:
    ada, bob = Person(platform), Person(platform)
    first = ada.prompt("one", "mine")
    assert bob.prompt("one", "mine")["prompt_id"] != first["prompt_id"]
    renamed = ada.answer("PUT", f"{PROMPTS}/{first['prompt_id']}", {"prompt_name": "other"}, "mine")
    assert renamed["code"] == 0
    assert ada.prompt("one", "mine") == first


def test_a_refused_command_leaves_its_key_free(platform: Platform) -> None:
    ada = Person(platform)
    assert ada.prompt("one")["code"] == 0
    assert ada.prompt("one", "mine")["code"] == 600501008
    assert ada.answer("DELETE", f"{PROMPTS}/{ada.prompt('one', 'x').get('prompt_id', '0')}")["code"] != 0
    assert ada.prompt("two", "mine")["code"] == 0
