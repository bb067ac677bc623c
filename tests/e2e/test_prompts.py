"""Prompts on a running platform: what the console and the SDKs do, over HTTP alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from cozeloop.demo.tour import Tour

PROMPTS = "/api/prompt/v1/prompts"
MGET = "/v1/loop/prompts/mget"


def detail(text: str) -> dict[str, Any]:
    template = {
        "template_type": "normal",
        "messages": [{"role": "user", "content": text}],
        "variable_defs": [{"key": "name", "type": "string"}],
    }
    return {"prompt_template": template}


class User(Tour):
    """A browser that is signed in, and an SDK with its token."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.register()
        self.sdk = httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {self.token}"})

    def code(self, method: str, path: str, body: Any = None) -> int:
        return int(self.http.request(method, path, json=body).json()["code"])

    def create(self, key: str, **fields: Any) -> str:
        body = {"workspace_id": self.space, "prompt_key": key, "prompt_name": key, **fields}
        return f"{PROMPTS}/{self.call('POST', PROMPTS, body)['prompt_id']}"

    def save(self, prompt: str, text: str, base_version: str = "") -> dict[str, Any]:
        draft = {"detail": detail(text), "draft_info": {"base_version": base_version}}
        return self.call("POST", f"{prompt}/drafts/save", {"prompt_draft": draft})

    def commit(self, prompt: str, version: str, text: str) -> None:
        self.save(prompt, text)
        self.call("POST", f"{prompt}/drafts/commit", {"commit_version": version})

    def shown(self, prompt: str, **query: Any) -> dict[str, Any]:
        return dict(self.call("GET", prompt, with_commit="true", with_draft="true", **query)["prompt"])

    def mget(self, *queries: dict[str, str]) -> dict[str, Any]:
        return dict(self.sdk.post(MGET, json={"workspace_id": self.space, "queries": queries}).json())


def text_of(prompt: dict[str, Any]) -> str:
    return str(prompt["prompt_template"]["messages"][0]["content"])


@pytest.fixture(scope="module")
def user(platform_url: str) -> User:
    return User(platform_url)


def test_a_prompt_is_drafted_committed_and_fetched_by_key(user: User) -> None:
    prompt = user.create("story", draft_detail=detail("first"))
    assert text_of(user.shown(prompt)["prompt_draft"]["detail"]) == "first"
    user.call("POST", f"{prompt}/drafts/commit", {"commit_version": "0.0.1", "commit_description": "why"})
    committed = user.shown(prompt, commit_version="")
    assert text_of(committed["prompt_commit"]["detail"]) == "first"
    assert "prompt_draft" not in committed
    user.commit(prompt, "0.0.2", "second")

    queries = ({"prompt_key": "story"}, {"prompt_key": "story", "version": "0.0.1", "label": ""})
    items = user.mget(*queries)["data"]["items"]
    assert [i["query"] for i in items] == list(queries)
    assert [(i["prompt"]["version"], text_of(i["prompt"])) for i in items] == [("0.0.2", "second"), ("0.0.1", "first")]


def test_what_was_committed_is_fetched_at_once_every_time(user: User) -> None:
    prompt = user.create("fresh")
    for i in range(20):
        user.commit(prompt, f"0.0.{i}", f"text {i}")
        [item] = user.mget({"prompt_key": "fresh"})["data"]["items"]
        assert text_of(item["prompt"]) == f"text {i}"


def test_a_draft_follows_its_users_typing_and_says_whether_it_differs_from_its_base(user: User) -> None:
    prompt = user.create("typing")
    user.commit(prompt, "0.0.1", "base")
    assert user.save(prompt, "base!", "0.0.1")["draft_info"]["is_modified"] is True
    assert "draft_info" not in user.save(prompt, "base!", "0.0.1")
    assert user.save(prompt, "base", "0.0.1")["draft_info"]["is_modified"] is False


def test_of_many_that_want_a_key_one_gets_it(user: User) -> None:
    body = {"workspace_id": user.space, "prompt_key": "wanted", "prompt_name": "n"}
    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: user.code("POST", PROMPTS, body), range(32)))
    assert sorted(codes) == [0] + [600501008] * 31


def test_of_many_commits_of_one_draft_one_stands(user: User) -> None:
    prompt = user.create("race", draft_detail=detail("x"))
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"commit_version": f"0.0.{i}"} for i in range(8)]
        codes = list(pool.map(lambda body: user.code("POST", f"{prompt}/drafts/commit", body), bodies))
    assert sorted(codes) == [0] + [600501001] * 7
    assert len(user.call("POST", f"{prompt}/commits/list", {"page_size": 20})["prompt_commit_infos"]) == 1


def test_a_deleted_key_leads_to_its_next_holder(user: User) -> None:
    first = user.create("again")
    user.commit(first, "0.0.1", "old")
    assert user.mget({"prompt_key": "again"})["code"] == 0
    user.call("DELETE", first)
    assert user.mget({"prompt_key": "again"})["code"] == 600501001
    user.commit(user.create("again"), "0.0.1", "new")
    [item] = user.mget({"prompt_key": "again", "version": "0.0.1"})["data"]["items"]
    assert text_of(item["prompt"]) == "new"


def test_a_large_prompt_comes_back_whole(user: User) -> None:
    text = "ß😀" * 60_000
    user.commit(user.create("large"), "0.0.1", text)
    [item] = user.mget({"prompt_key": "large"})["data"]["items"]
    assert text_of(item["prompt"]) == text


def test_an_sdk_with_a_bad_token_is_told_so_with_401(user: User) -> None:
    response = user.sdk.post(MGET, json={}, headers={"Authorization": "Bearer nonsense"})
    assert response.status_code == 401
    assert response.json()["code"] == 602000101


def test_lists_find_prompts_by_key_and_name_without_case(user: User) -> None:
    prompt = user.create("Needle_1")
    user.call("PUT", prompt, {"prompt_name": "Straße 100%"})
    body = {"workspace_id": user.space, "page_num": 1, "page_size": 20}
    for word in ("needle", "STRASSE", "100%"):
        found = user.call("POST", f"{PROMPTS}/list", {**body, "key_word": word})
        assert [p["prompt_key"] for p in found["prompts"]] == ["Needle_1"], word
    assert found["users"][0]["user_id"] == found["prompts"][0]["prompt_basic"]["created_by"]
