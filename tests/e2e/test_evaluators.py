"""Evaluators on a running platform, over HTTP alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cozeloop.demo.tour import Tour

BASE = "/api/evaluation/v1"
EVALUATORS = f"{BASE}/evaluators"
CODE = "def exec_evaluation(turn):\n    return EvalOutput(score=1.0, reason='ok')\n"


def content(code: str) -> dict[str, Any]:
    return {"code_evaluator": {"language_type": "Python", "code_content": code}}


class User(Tour):
    """A browser that is signed in."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.register()

    def body(self, name: str, code: str = CODE) -> dict[str, Any]:
        version = {"version": "0.0.1", "evaluator_content": content(code)}
        return {
            "evaluator": {
                "workspace_id": self.space,
                "name": name,
                "evaluator_type": 2,
                "current_version": version,
            }
        }

    def code(self, method: str, path: str, body: Any) -> int:
        return int(self.http.request(method, path, json=body).json()["code"])

    def create(self, name: str) -> str:
        return f"{EVALUATORS}/{self.call('POST', EVALUATORS, self.body(name))['evaluator_id']}"

    def update_draft(self, evaluator: str, code: str) -> dict[str, Any]:
        body = {"workspace_id": self.space, "evaluator_type": 2, "evaluator_content": content(code)}
        return dict(self.call("PATCH", f"{evaluator}/update_draft", body)["evaluator"])

    def versions(self, evaluator: str) -> list[dict[str, Any]]:
        answer = self.call("POST", f"{evaluator}/versions/list", {"workspace_id": self.space})
        return list(answer["evaluator_versions"])


@pytest.fixture(scope="module")
def user(platform_url: str) -> User:
    return User(platform_url)


def test_an_evaluator_is_created_edited_submitted_and_read_by_version(user: User) -> None:
    evaluator = user.create("Story")
    assert user.update_draft(evaluator, CODE + "# 2\n")["draft_submitted"] is False
    body = {"workspace_id": user.space, "version": "0.0.2", "cid": "submit-1"}
    submitted = user.call("POST", f"{evaluator}/submit_version", body)["evaluator"]
    assert (submitted["draft_submitted"], submitted["latest_version"]) == (True, "0.0.2")
    assert user.call("POST", f"{evaluator}/submit_version", body)["evaluator"]["latest_version"] == "0.0.2"

    newest, oldest = user.versions(evaluator)
    assert [newest["version"], oldest["version"]] == ["0.0.2", "0.0.1"]
    read = user.call("GET", f"{BASE}/evaluators_versions/{oldest['id']}", workspace_id=user.space)["evaluator"]
    assert read["current_version"]["evaluator_content"] == content(CODE)


def test_the_same_cid_creates_one_evaluator(user: User) -> None:
    body = {**user.body("Once"), "cid": "create-1"}
    assert user.call("POST", EVALUATORS, body) == user.call("POST", EVALUATORS, body)


def test_of_many_that_want_a_name_one_gets_it(user: User) -> None:
    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: user.code("POST", EVALUATORS, user.body("Wanted")), range(32)))
    assert sorted(codes) == [0] + [601205011] * 31


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("", 601205030),
        ("def (", 601205047),
        ("x = 1\n", 601205053),
        (CODE + "import os\n", 601205052),
        (CODE + "eval('1')\n", 601205051),
        (CODE + "def f():\n    while True:\n        pass\n", 601205035),
    ],
)
def test_code_that_the_sandbox_would_not_run_is_refused(user: User, code: str, refused: int) -> None:
    assert user.code("POST", EVALUATORS, user.body(f"Refused {refused}", code)) == refused


def test_a_deleted_evaluators_name_is_free_and_its_versions_stay(user: User) -> None:
    evaluator = user.create("Deleted")
    [version] = user.versions(evaluator)
    user.call("DELETE", evaluator, workspace_id=user.space)
    assert user.call("POST", f"{EVALUATORS}/check_name", {"workspace_id": user.space, "name": "Deleted"})["pass"]
    path = f"{BASE}/evaluators_versions/{version['id']}"
    kept = user.call("GET", path, workspace_id=user.space, include_deleted="true")
    assert kept["evaluator"]["current_version"]["evaluator_content"] == content(CODE)
