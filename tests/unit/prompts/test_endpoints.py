"""What the endpoints of prompts answer, from HTTP to HTTP, over a log in memory."""

from __future__ import annotations

import pytest

from cozeloop.api.prompts import routes
from tests.in_memory import InMemory

PROMPTS = "/api/prompt/v1/prompts"
MGET = "/v1/loop/prompts/mget"


def detail(text="Hi {{name}}", **changes):
    message = {"role": "user", "content": text, "parts": [], "key": "the console's own"}
    template = {"messages": [message], "variable_defs": [{"key": "name", "type": "string"}]}
    return {"prompt_template": template, "model_config": {"model_id": "5", "temperature": 0.5}, **changes}


def text_of(answered):
    return answered["prompt_template"]["messages"][0]["content"]


class User:
    """A user of space 70 who works on one prompt."""

    def __init__(self, memory, user_id="7"):
        self.client = memory.client(user_id)
        self.get, self.post, self.put = self.client.get, self.client.post, self.client.put

    async def create(self, key="greeting", **fields):
        return await self.post(PROMPTS, **{"workspace_id": "70", "prompt_key": key, "prompt_name": "Greeting"} | fields)

    async def prompt(self, key="greeting", **fields):
        answer = await self.create(key, **fields)
        assert answer["code"] == 0, answer
        return f"{PROMPTS}/{answer['prompt_id']}"

    async def save(self, prompt, text, base_version=""):
        draft = {"detail": detail(text), "draft_info": {"base_version": base_version}}
        return await self.post(f"{prompt}/drafts/save", prompt_draft=draft)

    async def commit(self, prompt, version, text=None):
        if text is not None:
            await self.save(prompt, text)
        return await self.post(f"{prompt}/drafts/commit", commit_version=version)

    async def mget(self, *queries, workspace_id="70"):
        return await self.post(MGET, workspace_id=workspace_id, queries=list(queries))


@pytest.fixture
async def memory():
    memory = InMemory(routes.api, mget_per_second=50)
    await memory.admit("7", space="70")
    await memory.admit("8", space="70")
    await memory.admit("9", space="90")
    return memory


@pytest.fixture
def user(memory):
    return User(memory)


async def test_a_prompt_created_with_a_detail_opens_with_its_draft(user):
    prompt = await user.prompt(draft_detail=detail())
    shown = (await user.get(prompt, with_draft="true", with_commit="true", commit_version=""))["prompt"]
    assert text_of(shown["prompt_draft"]["detail"]) == "Hi {{name}}"
    assert shown["prompt_draft"]["draft_info"]["is_modified"] is True
    assert "prompt_commit" not in shown


async def test_a_second_prompt_under_the_same_key_is_refused(user):
    await user.prompt()
    assert (await user.create())["code"] == 600501008


async def test_the_same_idempotency_key_creates_once(user):
    user.client.http.headers["idempotency-key"] = "k1"
    first, again = await user.create(draft_detail=detail()), await user.create(draft_detail=detail())
    assert again == first
    assert (await user.create(prompt_name="Other"))["code"] == 600500204


async def test_a_commit_takes_the_draft_and_leaves_none(user):
    prompt = await user.prompt()
    assert (await user.commit(prompt, "0.0.1", "one"))["code"] == 0
    shown = (await user.get(prompt, with_draft="true", with_commit="true"))["prompt"]
    assert text_of(shown["prompt_commit"]["detail"]) == "one"
    assert shown["prompt_basic"]["latest_version"] == "0.0.1"
    assert "prompt_draft" not in shown
    assert (await user.commit(prompt, "0.0.2"))["code"] == 600501001


async def test_a_commit_under_an_existing_version_is_refused(user):
    prompt = await user.prompt()
    await user.commit(prompt, "0.0.1", "one")
    assert (await user.commit(prompt, "0.0.1", "two"))["code"] == 600501009


async def test_saving_what_the_draft_holds_answers_without_draft_info(user):
    prompt = await user.prompt()
    assert (await user.save(prompt, "one"))["draft_info"]["is_modified"] is True
    assert (await user.save(prompt, "one")) == {"code": 0, "msg": ""}


async def test_a_draft_edited_back_to_its_base_is_not_modified(user):
    prompt = await user.prompt()
    await user.commit(prompt, "0.0.1", "one")
    await user.save(prompt, "two", "0.0.1")
    assert (await user.save(prompt, "one", "0.0.1"))["draft_info"]["is_modified"] is False


async def test_a_draft_on_an_unknown_base_is_refused(user):
    prompt = await user.prompt()
    assert (await user.save(prompt, "one", "9.9.9"))["code"] == 600501001


async def test_drafts_are_each_users_own(memory, user):
    prompt = await user.prompt()
    await user.save(prompt, "mine")
    other = User(memory, "8")
    assert "prompt_draft" not in (await other.get(prompt, with_draft="true"))["prompt"]
    assert (await other.commit(prompt, "0.0.1", "theirs"))["code"] == 0
    assert (await user.commit(prompt, "0.0.2"))["code"] == 0
    assert text_of((await user.get(prompt, with_commit="true"))["prompt"]["prompt_commit"]["detail"]) == "mine"


async def test_an_older_version_is_shown_as_it_was_committed(user):
    prompt = await user.prompt()
    await user.commit(prompt, "0.0.1", "one")
    await user.commit(prompt, "0.0.2", "two")
    shown = (await user.get(prompt, with_commit="true", commit_version="0.0.1"))["prompt"]["prompt_commit"]
    assert text_of(shown["detail"]) == "one"
    assert (await user.get(prompt, with_commit="true", commit_version="7.0.0"))["code"] == 600501002


async def test_lists_show_prompts_with_the_callers_drafts_and_their_people(user):
    await user.prompt("a")
    await user.save(await user.prompt("b"), "draft")
    page = await user.post(f"{PROMPTS}/list", workspace_id="70", page_num=1, page_size=20)
    assert [p["prompt_key"] for p in page["prompts"]] == ["b", "a"]
    assert page["prompts"][0]["prompt_draft"]["draft_info"]["is_modified"] is True
    assert "prompt_draft" not in page["prompts"][1]
    assert (page["total"], [u["user_id"] for u in page["users"]]) == (2, ["7"])


async def test_versions_are_paged_newest_first_with_their_details(user):
    prompt = await user.prompt()
    for version in ("0.0.1", "0.0.2", "0.0.3"):
        await user.commit(prompt, version, version)
    first = await user.post(f"{prompt}/commits/list?with_commit_detail=true", page_size=2)
    assert [c["version"] for c in first["prompt_commit_infos"]] == ["0.0.3", "0.0.2"]
    assert text_of(first["prompt_commit_detail_mapping"]["0.0.2"]) == "0.0.2"
    assert first["has_more"] is True
    last = await user.post(f"{prompt}/commits/list", page_size=2, page_token=first["next_page_token"])
    assert [c["version"] for c in last["prompt_commit_infos"]] == ["0.0.1"]
    assert not {"has_more", "next_page_token", "prompt_commit_detail_mapping"} & last.keys()


async def test_an_updated_prompt_has_its_new_name(user):
    prompt = await user.prompt(prompt_description="d")
    await user.put(prompt, prompt_name="Hello")
    basic = (await user.get(prompt))["prompt"]["prompt_basic"]
    assert (basic["display_name"], basic["description"]) == ("Hello", "d")


async def test_a_deleted_prompt_is_gone_and_its_key_free(user):
    prompt = await user.prompt()
    await user.client.delete(prompt)
    assert (await user.get(prompt))["code"] == 600501001
    assert (await user.create())["code"] == 0


async def test_mget_answers_in_the_order_of_the_queries_and_echoes_each_as_sent(user):
    prompt = await user.prompt()
    await user.commit(prompt, "0.0.1", "one")
    await user.commit(prompt, "0.0.2", "two")
    queries = [
        {"prompt_key": "greeting", "version": "", "label": ""},
        {"prompt_key": "greeting", "version": "0.0.1", "label": "ignored"},
        {"prompt_key": "greeting"},
    ]
    items = (await user.mget(*queries))["data"]["items"]
    assert [i["query"] for i in items] == queries
    assert [i["prompt"]["version"] for i in items] == ["0.0.2", "0.0.1", "0.0.2"]
    assert [text_of(i["prompt"]) for i in items] == ["two", "one", "two"]
    assert items[0]["prompt"]["workspace_id"] == "70"


@pytest.mark.parametrize(
    ("query", "code", "naming"),
    [
        ({"prompt_key": "unknown"}, 600501001, "unknown"),
        ({"prompt_key": "greeting", "version": "9.9.9"}, 600501002, "9.9.9"),
        ({"prompt_key": "greeting", "label": "beta"}, 600501007, "beta"),
        ({"prompt_key": "fresh"}, 600501003, "fresh"),
        ({"prompt_key": "fresh", "version": "$Draft"}, 600501001, "fresh"),
        ({}, 600501001, "prompt_key"),
    ],
)
async def test_mget_says_why_nothing_was_found(user, query, code, naming):
    await user.commit(await user.prompt(), "0.0.1", "one")
    await user.prompt("fresh")
    answer = await user.mget(query)
    assert answer["code"] == code
    assert naming in answer["msg"]


async def test_mget_leaves_out_what_leads_nowhere_while_something_is_found(user):
    await user.commit(await user.prompt(), "0.0.1", "one")
    items = (await user.mget({"prompt_key": "unknown"}, {"prompt_key": "greeting"}))["data"]["items"]
    assert [i["query"]["prompt_key"] for i in items] == ["greeting"]


async def test_mget_serves_the_callers_draft(user):
    await user.save(await user.prompt(), "draft")
    [item] = (await user.mget({"prompt_key": "greeting", "version": "$Draft"}))["data"]["items"]
    assert (item["prompt"]["version"], text_of(item["prompt"])) == ("$Draft", "draft")


async def test_mget_is_never_stale_after_a_commit_a_deletion_or_a_new_holder_of_the_key(user):
    async def fetched():
        [item] = (await user.mget({"prompt_key": "greeting"}))["data"]["items"]
        return text_of(item["prompt"])

    prompt = await user.prompt()
    await user.commit(prompt, "0.0.1", "one")
    assert await fetched() == "one"
    await user.commit(prompt, "0.0.2", "two")
    assert await fetched() == "two"
    await user.client.delete(prompt)
    assert (await user.mget({"prompt_key": "greeting"}))["code"] == 600501001
    await user.commit(await user.prompt(), "0.0.1", "another prompt's first")
    assert await fetched() == "another prompt's first"


async def test_mget_beyond_the_rate_of_a_space_is_refused(user):
    for _ in range(50):
        assert (await user.mget())["code"] == 0
    response = await user.client.http.post(MGET, json={"workspace_id": "70", "queries": []})
    assert (response.status_code, response.json()["code"]) == (429, 600502001)


async def test_another_spaces_prompts_are_not_found_and_not_listed(memory, user):
    prompt = await user.prompt(draft_detail=detail())
    stranger = User(memory, "9")
    assert (await stranger.get(prompt))["code"] == 600501001
    assert (await stranger.get(prompt, workspace_id="90"))["code"] == 600501001
    assert (await stranger.put(prompt, prompt_name="x"))["code"] == 600501001
    assert (await stranger.save(prompt, "x"))["code"] == 600501001
    assert (await stranger.commit(prompt, "0.0.1"))["code"] == 600501001
    assert (await stranger.client.delete(prompt))["code"] == 600501001
    assert (await stranger.mget({"prompt_key": "greeting"}))["code"] == 600500101
    assert (await stranger.mget({"prompt_key": "greeting"}, workspace_id="90"))["code"] == 600501001
    assert (await user.get(prompt, workspace_id="90"))["code"] == 600501001


@pytest.mark.parametrize(
    ("path", "body", "code", "naming"),
    [
        (PROMPTS, {"prompt_key": "k" * 129}, 600500202, "prompt_key"),
        (PROMPTS, {"prompt_name": "n" * 129}, 600500202, "prompt_name"),
        (PROMPTS, {"prompt_description": "d" * 1025}, 600500202, "prompt_description"),
        (PROMPTS, {"prompt_type": "snippet"}, 600500202, "prompt_type"),
        (PROMPTS, {"security_level": "L9"}, 600500202, "security_level"),
        (PROMPTS, {"draft_detail": detail("x" * 600_000)}, 600500202, "draft_detail"),
        (PROMPTS, {"draft_detail": {"prompt_template": {"template_type": "x"}}}, 600500202, "template_type"),
        (f"{PROMPTS}/list", {"page_num": 1, "page_size": 10, "order_by": "name"}, 600500202, "order_by"),
    ],
)
async def test_a_bad_field_is_refused_by_its_name_and_nothing_is_written(memory, user, path, body, code, naming):
    before = await memory.memory.log.end()
    answer = await user.post(path, **{"workspace_id": "70", "prompt_key": "k", "prompt_name": "n"} | body)
    assert answer["code"] == code
    assert naming in answer["msg"]
    assert await memory.memory.log.end() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 600500202),
        ({"prompt_draft": {}}, 600500202),
        ({"prompt_draft": {"detail": {}}}, 600500202),
        ({"prompt_draft": {"detail": {"prompt_template": {"has_snippet": True}}, "draft_info": {}}}, 600500202),
    ],
)
async def test_an_incomplete_draft_is_refused(user, body, code):
    answer = await user.post(f"{await user.prompt()}/drafts/save", **body)
    assert answer["code"] in (code, 602000202)


@pytest.mark.parametrize("token", ["x", "-1", "9" * 30, "1e3"])
async def test_a_page_token_that_was_never_handed_out_is_refused(user, token):
    answer = await user.post(f"{await user.prompt()}/commits/list", page_size=1, page_token=token)
    assert answer["code"] == 600500202


@pytest.mark.parametrize("key", ["a.b", "a*", "a>", "a b", "ключ", "$Draft", "../x", "😀"])
async def test_any_text_may_be_a_key(user, key):
    await user.commit(await user.prompt(key), "0.0.1", "one")
    [item] = (await user.mget({"prompt_key": key}))["data"]["items"]
    assert item["prompt"]["prompt_key"] == key


@pytest.mark.parametrize("levels", [10, 25, 150])
async def test_a_deeply_nested_detail_is_kept_or_refused_but_never_an_internal_error(user, levels):
    nested = detail()
    for _ in range(levels):
        nested = {"prompt_template": {"snippets": [{"prompt_commit": {"detail": nested}}]}}
    answer = await user.create(draft_detail=nested)
    assert answer["code"] == (0 if levels < 20 else 602000201)
