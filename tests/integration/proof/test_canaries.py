"""P1: what people typed is in no stored message, and secrets are nowhere but where they belong.

Each kind of text has a canary of its own; after a walk through everything the files are searched for all of them.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cozeloop.demo.tour import EVALUATION, cell
from tests.e2e.models import Answer, Endpoint, catalogue_of
from tests.e2e.processes import Platform, command
from tests.integration.proof.people import PROMPTS, Person

SECRETS = ("email", "password", "wrong_password", "token_name", "model_key")
CONTENT = (
    "prompt_key", "prompt_name", "prompt_description", "prompt_text", "variable", "draft", "commit",
    "set_name", "set_description", "column", "row", "large_row", "changed_row", "version",
    "evaluator_name", "evaluator_code", "large_code", "reason", "failure", "experiment_name", "answer", "model_error",
    "idempotency_key", "cid", "refused_name", "malformed",
)  # fmt: skip
CODE = """def exec_evaluation(turn):
    # {evaluator_code}
    if "{changed_row}" in str(turn):
        raise ValueError("{failure}")
    return {{"score": 1, "reason": "{reason}"}}
"""


class Walk(Person):
    """Somebody who leaves a canary wherever something can be typed."""

    def __init__(self, platform: Platform, canary: dict[str, str]) -> None:
        self.canary = canary
        super().__init__(platform)

    def register(self) -> None:
        """Also signs out, fails to sign in and signs in again."""
        mail, c = f"{self.canary['email']}@example.com", self.canary
        users = "/api/foundation/v1/users"
        self.call("POST", f"{users}/register", {"email": mail, "password": c["password"]})
        self.call("POST", f"{users}/logout", {})
        wrong = {"email": mail, "password": c["wrong_password"]}
        assert self.answer("POST", f"{users}/login_by_password", wrong)["code"] != 0
        self.call("POST", f"{users}/login_by_password", {"email": mail, "password": c["password"]})
        again = self.answer("POST", f"{users}/register", {"email": mail, "password": c["password"]})
        assert again["code"] != 0
        self.space = self.call("POST", "/api/foundation/v1/spaces/list", {"page_number": 1, "page_size": 9})["spaces"][
            0
        ]["id"]
        named = {"name": c["token_name"], "duration_day": "1"}
        self.token = self.call("POST", "/api/auth/v1/personal_access_tokens", named)["token"]
        c["token"] = self.token
        c["cookie"] = self.http.cookies["session_key"]

    def prompts(self) -> str:
        """A prompt drafted, committed and fetched; a refused one; the id."""
        c = self.canary
        body = {
            "workspace_id": self.space,
            "prompt_key": c["prompt_key"],
            "prompt_name": c["prompt_name"],
            "prompt_description": c["prompt_description"],
        }
        prompt_id = str(self.answer("POST", PROMPTS, body, c["idempotency_key"])["prompt_id"])
        refused = {**body, "prompt_name": c["refused_name"]}
        assert self.answer("POST", PROMPTS, refused)["code"] != 0
        assert self.answer("POST", PROMPTS, {**refused, "prompt_name": c["refused_name"] * 20})["code"] != 0
        detail = {
            "prompt_template": {
                "template_type": "normal",
                "messages": [{"role": "user", "content": f"{c['prompt_text']} {{{{input}}}}"}],
                "variable_defs": [{"key": "input", "desc": c["variable"], "type": "string"}],
            },
            "model_config": {"model_id": "1", "temperature": 0.0},
        }
        save = {"prompt_draft": {"draft_info": {}, "detail": detail}}
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", save)
        commit = {"commit_version": "0.0.1", "commit_description": c["commit"]}
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/commit", commit)
        detail["prompt_template"]["messages"][0]["content"] = c["draft"]
        self.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", save)
        query = {"workspace_id": self.space, "queries": [{"prompt_key": c["prompt_key"]}]}
        sdk = {"Authorization": f"Bearer {self.token}"}
        assert self.http.post("/v1/loop/prompts/mget", json=query, headers=sdk).json()["code"] == 0
        broken = self.http.post(
            PROMPTS, content=f'{{"prompt_name": "{c["malformed"]}', headers={"content-type": "application/json"}
        )
        assert broken.json()["code"] != 0
        return prompt_id

    def rows(self) -> tuple[str, str]:
        """A set with a large row, a changed one and a version."""
        c = self.canary
        fields = [
            {"name": name, "content_type": "Text", "default_display_format": 1, "description": c["column"]}
            for name in ("input", c["column"])
        ]
        body = {
            "workspace_id": self.space,
            "name": c["set_name"],
            "description": c["set_description"],
            "evaluation_set_schema": {"field_schemas": fields},
        }
        set_id = str(self.call("POST", f"{EVALUATION}/evaluation_sets", body)["evaluation_set_id"])
        rows = [{"input": c["row"]}, {"input": c["large_row"] * 7000}, {"input": "plain", c["column"]: "x"}]
        self.add_items(set_id, rows)
        items = f"{EVALUATION}/evaluation_sets/{set_id}/items"
        page = {"workspace_id": self.space, "page_number": 1, "page_size": 10}
        last = self.call("POST", f"{items}/list", page)["items"][-1]
        turns = [{"field_data_list": [cell("input", c["changed_row"])]}]
        self.call("PUT", f"{items}/{last['item_id']}", {"workspace_id": self.space, "turns": turns})
        version = {"workspace_id": self.space, "version": "0.0.1", "desc": c["version"]}
        return set_id, str(self.call("POST", f"{EVALUATION}/evaluation_sets/{set_id}/versions", version)["id"])

    def experiments(self) -> None:
        """A run over all of it, with a model that answers and one that fails."""
        c = self.canary
        prompt_id = self.prompts()
        set_id, version_id = self.rows()
        evaluator = self.code_evaluator(c["evaluator_name"], CODE.format(**c) + f"# {c['large_code']}\n" * 5000)
        run = self.submit(c["experiment_name"], set_id, version_id, evaluator, (prompt_id, "0.0.1"), 3)
        *_, last = self.watch(run)
        assert last.total == 3
        shown = str(self.results([run]))
        assert all(c[name] in shown for name in ("answer", "reason")), shown


@pytest.fixture
def canary() -> dict[str, str]:
    """Kind -> a word that occurs nowhere else."""
    return {name: f"canary{secrets.token_hex(8)}" for name in (*SECRETS, *CONTENT)}


@pytest.fixture
def walked(tmp_path: Path, canary: dict[str, str]) -> Iterator[Platform]:
    """A platform on which somebody has done everything; its token and cookie are among the canaries now."""

    def answers(messages: list[dict[str, Any]]) -> Answer:
        if canary["row"] in str(messages):
            return 400, canary["model_error"]
        return 200, canary["answer"]

    with Endpoint({"m": answers}) as endpoint:
        config = tmp_path / "model_config.yaml"
        config.write_text(catalogue_of(endpoint, ["m"]).replace("canary-key", "${CANARY_KEY}"))
        extra = {"CANARY_KEY": canary["model_key"], "COZELOOP_UNSAFE_CODE": "1"}
        with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config), **extra) as platform:
            Walk(platform.start().ready(), canary).experiments()
            yield platform


def forms(word: str) -> list[bytes]:
    """The ways in which a word may lie in a file."""
    raw = word.encode()
    inner = [base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw.lower(), raw.hex().encode(), word.encode("utf-16-le"), *inner]


def found(words: dict[str, str], content: bytes) -> set[str]:
    return {name for name, word in words.items() if any(form in content for form in forms(word))}


def files_of(folder: Path, *suffixes: str) -> dict[str, bytes]:
    every = [p for p in folder.rglob("*") if p.is_file() and (not suffixes or p.name.endswith(suffixes))]
    return {str(p.relative_to(folder)): p.read_bytes() for p in every}


@pytest.mark.slow
def test_no_canary_is_in_the_log_and_no_secret_outside_the_vault(walked: Platform, canary: dict[str, str]) -> None:
    data = walked.data_dir
    for stopped in (False, True):
        if stopped:
            assert walked.stop() == 0
        store = files_of(data / "nats")
        assert len(b"".join(store.values())) > 10_000
        assert {name: hits for name, content in store.items() if (hits := found(canary, content))} == {}
        objects = files_of(data / "objects")
        assert objects
        assert {name: hits for name, content in objects.items() if (hits := found(canary, content))} == {}

        secret = {name: canary[name] for name in (*SECRETS, "token", "cookie", "idempotency_key", "malformed")}
        read = files_of(data, "read.db", "read.db-wal")
        assert "row" in found(canary, b"".join(read.values())), "the search finds what is there"
        assert {name: hits for name, content in read.items() if (hits := found(secret, content))} == {}

        kept = {name: canary[name] for name in ("password", "wrong_password", "model_key", "token", "cookie")}
        vault = files_of(data, "vault.db", "vault.db-wal")
        assert {name: hits for name, content in vault.items() if (hits := found(kept, content))} == {}
        rest = files_of(data, ".json", ".key", ".lock")
        assert {name: hits for name, content in rest.items() if (hits := found(canary, content))} == {}
    assert found(canary, walked.said.encode()) == set()


@pytest.mark.slow
def test_an_operator_sees_content_but_no_person_and_no_secret(walked: Platform, canary: dict[str, str]) -> None:
    listed = command("events", "list", "--json", "--limit", "1000", "--data-dir", walked.data_dir)
    shown = found(canary, listed.stdout.encode())
    assert {"prompt_text", "row", "evaluator_code", "answer"} <= shown
    assert shown.isdisjoint({*SECRETS, "token", "cookie"})
    for path in ("/metrics", "/v1/platform/health", "/openapi.json"):
        assert found(canary, httpx.get(walked.url + path).content) == set()
