"""What objects were at a position or time, from HTTP to HTTP, over a log in memory."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from cozeloop.api.asof import routes as asof
from cozeloop.api.asof.routes import SHOWN
from cozeloop.api.datasets import items, versions
from cozeloop.api.datasets import routes as datasets
from cozeloop.api.evaluators import routes as evaluators
from cozeloop.api.prompts import mget
from cozeloop.api.prompts import routes as prompts
from tests.in_memory import InMemory
from tests.unit.datasets.test_endpoints import User as DatasetUser
from tests.unit.datasets.test_endpoints import item
from tests.unit.evaluators.test_endpoints import User as EvaluatorUser
from tests.unit.prompts.test_endpoints import User as PromptUser
from tests.unit.prompts.test_endpoints import text_of

AS_OF = "/v1/platform/as-of"
APIS = (asof.api, prompts.api, mget.api, datasets.api, items.api, versions.api, evaluators.api)
PROMPT_MISSING, SET_MISSING, INVALID = 600502001, 601103004, 202


@pytest.fixture
async def memory():
    return await peopled(InMemory(*APIS))


async def peopled(memory):
    await memory.admit("7", space="70")
    await memory.admit("9", space="90")
    return memory


def end(memory) -> int:
    return len(memory.memory.log.recorded)


async def then(memory, path, position, user="7", **query):
    return await memory.client(user).get(AS_OF + path, position=position, **query)


async def test_a_prompt_is_shown_under_the_name_and_version_that_it_had(memory):
    user = PromptUser(memory)
    prompt = await user.prompt()
    await user.commit(prompt, "1.0.0", "first")
    before = end(memory)
    await user.put(prompt, prompt_name="Other", prompt_description="new")
    await user.commit(prompt, "2.0.0", "second")
    shown = (await then(memory, prompt, before, with_commit="true"))["prompt"]
    assert shown["prompt_basic"]["display_name"] == "Greeting"
    assert shown["prompt_basic"]["latest_version"] == "1.0.0"
    assert text_of(shown["prompt_commit"]["detail"]) == "first"


async def test_every_read_is_what_was_answered_at_its_position(memory):
    user = PromptUser(memory)
    prompt = await user.prompt()
    answered = []
    for n in range(5):
        await user.commit(prompt, f"1.0.{n}", f"text {n}")
        commits = f"{prompt}/commits/list"
        live = [
            await user.get(prompt, with_commit="true"),
            await user.post(commits, page_size=3, with_commit_detail=True),
        ]
        answered.append((end(memory), live))
    for position, live in answered:
        again = await user.post(f"{AS_OF}{commits}?position={position}", page_size=3, with_commit_detail=True)
        assert [await then(memory, prompt, position, with_commit="true"), again] == live


async def test_before_its_creation_it_is_not_found_and_a_batch_is_never_cut(memory):
    before = end(memory)
    prompt = await PromptUser(memory).prompt()
    assert end(memory) == before + 2, "the prompt and its key"
    missing = (await memory.client("7").get(prompt.replace(prompt.rpartition("/")[2], "999")))["code"]
    assert (await then(memory, prompt, before))["code"] == missing
    assert (await then(memory, prompt, before + 1))["code"] == missing
    assert (await then(memory, prompt, before + 2))["code"] == 0


async def test_what_was_deleted_later_is_shown_as_it_was(memory):
    user = PromptUser(memory)
    prompt = await user.prompt()
    before = end(memory)
    await user.client.delete(prompt)
    assert (await then(memory, prompt, before))["prompt"]["prompt_basic"]["display_name"] == "Greeting"
    assert (await then(memory, prompt, end(memory)))["code"] != 0


async def test_a_time_means_what_the_log_held_then(memory):
    user = PromptUser(memory)
    prompt = await user.prompt()
    at = memory.memory.log.recorded[-1].recorded_at
    await user.put(prompt, prompt_name="Other", prompt_description="")
    for time, name in ((at, "Greeting"), (memory.memory.log.recorded[-1].recorded_at, "Other")):
        shown = await user.get(AS_OF + prompt, time=time.isoformat())
        assert shown["prompt"]["prompt_basic"]["display_name"] == name
    assert (await user.get(AS_OF + prompt, time=(at - timedelta(days=1)).isoformat()))["code"] != 0


async def test_a_moment_that_has_not_come_or_is_not_named_is_refused(memory):
    user = PromptUser(memory)
    prompt = AS_OF + await user.prompt()
    tomorrow = (memory.memory.now().astimezone(UTC) + timedelta(days=1)).isoformat()
    for query in (
        {},
        {"position": "-1"},
        {"position": "spans:1"},
        {"position": "events-0123abcd:1"},
        {"position": end(memory) + 1},
        {"time": tomorrow},
        {"position": 1, "time": tomorrow},
    ):
        answer = await user.get(prompt, **query)
        assert answer["code"] % 1000 == INVALID, query
    assert (await user.get(prompt, position=f"events:{end(memory)}"))["code"] == 0
    assert "end" in (await user.get(prompt, position=end(memory) + 1))["msg"]


async def test_drafts_are_not_shown(memory):
    user = PromptUser(memory)
    prompt = await user.prompt()
    await user.save(prompt, "typed")
    assert "prompt_draft" not in (await then(memory, prompt, end(memory), with_draft="true"))["prompt"]
    scorer = EvaluatorUser(memory)
    evaluator = await scorer.evaluator()
    await scorer.update_draft(evaluator, "def exec_evaluation(turn): ...")
    shown = (await then(memory, evaluator, end(memory), workspace_id="70"))["evaluator"]
    assert (shown["current_version"]["version"], shown["draft_submitted"]) == ("0.0.1", True)


async def test_a_stranger_sees_nothing_and_a_member_of_today_sees_the_past(memory):
    prompt = await PromptUser(memory).prompt()
    before = end(memory)
    missing = (await then(memory, prompt, 0))["code"]
    assert (await then(memory, prompt, before, user="9"))["code"] == missing
    await memory.admit("9", space="70")
    assert (await then(memory, prompt, before, user="9"))["code"] == 0


async def test_rows_of_a_set_are_those_of_then(memory):
    user = DatasetUser(memory)
    path = await user.set()
    field = (await user.shown(path))["evaluation_set_version"]["evaluation_set_schema"]["field_schemas"][0]["key"]
    await user.add(path, item(**{field: "one"}), item(**{field: "two"}))
    before, live = end(memory), await user.items(path)
    await user.post(f"{path}/items/clear", workspace_id="70")
    listed = f"{AS_OF}{path}/items/list"
    assert await user.post(f"{listed}?position={before}", workspace_id="70", page_size=50) == live
    assert (await user.post(f"{listed}?position={end(memory)}", workspace_id="70"))["items"] == []


async def test_a_key_leads_to_the_prompt_that_had_it_then(memory):
    user = PromptUser(memory)
    first = await user.prompt()
    await user.commit(first, "1.0.0", "first")
    before, live = end(memory), await user.mget({"prompt_key": "greeting"})
    await user.client.delete(first)
    await user.commit(await user.prompt(), "1.0.0", "second")
    asked = {"workspace_id": "70", "queries": [{"prompt_key": "greeting"}]}
    assert await user.post(f"{AS_OF}/v1/loop/prompts/mget?position={before}", **asked) == live
    assert text_of((await user.mget({"prompt_key": "greeting"}))["data"]["items"][0]["prompt"]) == "second"


@pytest.mark.parametrize("limit", [{"as_of_max_events": 3}, {"as_of_max_bytes": 400_000}])
async def test_what_is_too_much_is_refused_with_the_limit(limit):
    memory = await peopled(InMemory(*APIS, **limit))
    user = DatasetUser(memory)
    path = await user.set()
    field = (await user.shown(path))["evaluation_set_version"]["evaluation_set_schema"]["field_schemas"][0]["key"]
    for _ in range(4):
        await user.add(path, *(item(**{field: "x" * 20_000}) for _ in range(10)))
    answer = await then(memory, path, end(memory), workspace_id="70")
    assert answer["code"] % 1000 == INVALID
    assert str(*limit.values()) in answer["msg"]


def test_every_route_looks_back_for_one_of_the_contract():
    assert {f"{r.method} {r.path.removeprefix(AS_OF)}" for r in asof.api.routes} == set(SHOWN)
