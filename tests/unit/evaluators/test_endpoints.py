"""What the endpoints of evaluators answer, from HTTP to HTTP, over a log in memory."""

from __future__ import annotations

import pytest

from cozeloop.api.evaluators import routes
from tests.in_memory import InMemory

BASE = "/api/evaluation/v1"
EVALUATORS = f"{BASE}/evaluators"
CODE = "def exec_evaluation(turn):\n    return EvalOutput(score=1.0, reason='')\n"


def content(code=CODE, **changes):
    return {"code_evaluator": {"language_type": "Python", "code_content": code}, **changes}


class User:
    """A user of space 70."""

    def __init__(self, memory, user_id="7"):
        self.client = memory.client(user_id)
        self.get, self.post, self.patch = self.client.get, self.client.post, self.client.patch

    async def create(self, name="Exact match", cid="", version=None, **fields):
        evaluator = {
            "workspace_id": "70",
            "name": name,
            "evaluator_type": 2,
            "current_version": {"version": "0.0.1", "evaluator_content": content(), **(version or {})},
            **fields,
        }
        return await self.post(EVALUATORS, evaluator=evaluator, cid=cid)

    async def evaluator(self, name="Exact match", **fields):
        answer = await self.create(name, **fields)
        assert answer["code"] == 0, answer
        return f"{EVALUATORS}/{answer['evaluator_id']}"

    async def shown(self, evaluator):
        return (await self.get(evaluator, workspace_id="70"))["evaluator"]

    async def update_draft(self, evaluator, code, evaluator_type=2):
        body = {"workspace_id": "70", "evaluator_type": evaluator_type, "evaluator_content": content(code)}
        return await self.patch(f"{evaluator}/update_draft", **body)

    async def submit(self, evaluator, version, **fields):
        return await self.post(f"{evaluator}/submit_version", workspace_id="70", version=version, **fields)

    async def versions(self, evaluator, **fields):
        return await self.post(f"{evaluator}/versions/list", **{"workspace_id": "70"} | fields)


@pytest.fixture
async def memory():
    memory = InMemory(routes.api)
    await memory.admit("7", space="70")
    await memory.admit("8", space="70")
    await memory.admit("9", space="90")
    return memory


@pytest.fixture
def user(memory):
    return User(memory)


def code_in(version):
    return version["evaluator_content"]["code_evaluator"]["code_content"]


async def test_a_created_evaluator_has_its_first_version_and_a_submitted_draft(user):
    evaluator = await user.evaluator()
    shown = await user.shown(evaluator)
    assert (shown["name"], shown["latest_version"], shown["draft_submitted"]) == ("Exact match", "0.0.1", True)
    assert code_in(shown["current_version"]) == CODE
    assert shown["base_info"]["created_by"]["name"] == "nick7"
    versions = await user.versions(evaluator)
    assert (versions["total"], versions["evaluator_versions"][0]["version"]) == ("1", "0.0.1")


async def test_the_same_cid_creates_once_and_another_body_is_another_command(user):
    first = await user.create(cid="c1")
    assert await user.create(cid="c1") == first
    assert (await user.create("Other", cid="c1"))["evaluator_id"] != first["evaluator_id"]


async def test_a_changed_draft_waits_until_it_is_submitted(user):
    evaluator = await user.evaluator()
    assert (await user.update_draft(evaluator, CODE + "#2"))["evaluator"]["draft_submitted"] is False
    assert (await user.shown(evaluator))["draft_submitted"] is False
    submitted = (await user.submit(evaluator, "0.0.2"))["evaluator"]
    assert (submitted["draft_submitted"], submitted["latest_version"]) == (True, "0.0.2")
    assert code_in(submitted["current_version"]) == CODE + "#2"


async def test_saving_what_the_draft_holds_leaves_it_submitted(user):
    evaluator = await user.evaluator()
    assert (await user.update_draft(evaluator, CODE))["evaluator"]["draft_submitted"] is True


async def test_the_draft_is_shared_by_the_space(memory, user):
    evaluator = await user.evaluator()
    await User(memory, "8").update_draft(evaluator, CODE + "#theirs")
    assert code_in((await user.shown(evaluator))["current_version"]) == CODE + "#theirs"


async def test_a_version_keeps_the_content_that_it_was_submitted_with(user):
    evaluator = await user.evaluator()
    await user.update_draft(evaluator, CODE + "#2")
    await user.submit(evaluator, "0.0.2")
    first = (await user.versions(evaluator, query_versions=["0.0.1"]))["evaluator_versions"][0]
    shown = (await user.get(f"{BASE}/evaluators_versions/{first['id']}", workspace_id="70"))["evaluator"]
    assert (shown["current_version"]["version"], code_in(shown["current_version"])) == ("0.0.1", CODE)


async def test_versions_are_listed_newest_first_and_fetched_together(user):
    evaluator = await user.evaluator()
    await user.submit(evaluator, "0.0.3")
    await user.submit(evaluator, "0.0.2")
    page = (await user.versions(evaluator))["evaluator_versions"]
    assert [v["version"] for v in page] == ["0.0.2", "0.0.3", "0.0.1"]
    ids = [v["id"] for v in page]
    got = await user.post(f"{BASE}/evaluators_versions/batch_get", workspace_id="70", evaluator_version_ids=[*ids, "1"])
    assert [e["current_version"]["id"] for e in got["evaluators"]] == ids


async def test_names_are_checked_and_unique(user):
    evaluator = await user.evaluator()
    taken = await user.post(f"{EVALUATORS}/check_name", workspace_id="70", name="Exact match")
    own = await user.post(
        f"{EVALUATORS}/check_name", workspace_id="70", name="Exact match", evaluator_id=evaluator.split("/")[-1]
    )
    assert (taken["pass"], own["pass"]) == (False, True)
    assert "taken" in taken["message"]
    assert (await user.create())["code"] == 601205011


async def test_a_renamed_evaluator_frees_its_name(user):
    evaluator = await user.evaluator()
    await user.patch(evaluator, workspace_id="70", evaluator_type=2, name="Close match", description="d")
    shown = await user.shown(evaluator)
    assert (shown["name"], shown["description"]) == ("Close match", "d")
    assert (await user.create())["code"] == 0


async def test_a_deleted_evaluator_is_gone_for_those_who_do_not_ask_for_the_deleted(user):
    evaluator = await user.evaluator()
    version_id = (await user.versions(evaluator))["evaluator_versions"][0]["id"]
    version = f"{BASE}/evaluators_versions/{version_id}"
    await user.client.delete(evaluator, workspace_id="70")
    assert (await user.get(evaluator, workspace_id="70"))["code"] == 601205009
    assert (await user.get(version, workspace_id="70"))["code"] == 601205013
    kept = await user.get(evaluator, workspace_id="70", include_deleted="true")
    assert "deleted_at" in kept["evaluator"]["base_info"]
    assert (await user.get(version, workspace_id="70", include_deleted="true"))["code"] == 0
    assert (await user.create())["code"] == 0


async def test_lists_are_narrowed_paged_and_flattened(user):
    for name in ("Alpha", "Beta", "Gamma"):
        last = await user.evaluator(name)
    await user.submit(last, "0.0.2")

    async def names(**wanted):
        answer = await user.post(f"{EVALUATORS}/list", workspace_id="70", **wanted)
        return [e["name"] for e in answer["evaluators"]], answer["total"]

    assert await names() == (["Gamma", "Beta", "Alpha"], "3")
    assert await names(page_size=2, page_number=2) == (["Alpha"], "3")
    assert await names(search_name="bet") == (["Beta"], "1")
    assert await names(creator_ids=["8"]) == ([], "0")
    assert await names(evaluator_type=[1]) == ([], "0")
    assert await names(order_bys=[{"field": "name", "is_asc": True}]) == (["Alpha", "Beta", "Gamma"], "3")
    assert await names(with_version=True) == (["Gamma", "Gamma", "Beta", "Alpha"], "4")
    assert await names(builtin=True, filter_option={}) == ([], "0")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "n" * 51}, 601205016),
        ({"description": "d" * 201}, 601205017),
        ({"version": {"version": "1.0." + "1" * 60}}, 601205018),
        ({"version": {"description": "d" * 201}}, 601205019),
        ({"version": {"version": "one"}}, 601205020),
        ({"evaluator_type": 1}, 601200202),
        ({"evaluator_type": 3}, 601200202),
        ({"name": ""}, 601200202),
        ({"version": {"evaluator_content": None}}, 601200202),
        ({"version": {"evaluator_content": {}}}, 601200202),
        ({"version": {"evaluator_content": content("  ")}}, 601205030),
        ({"version": {"evaluator_content": content("def (")}}, 601205047),
        ({"version": {"evaluator_content": content("x = 1")}}, 601205053),
        (
            {"version": {"evaluator_content": {"code_evaluator": {"language_type": "JS", "code_content": "x"}}}},
            601205031,
        ),
        ({"version": {"evaluator_content": content("x = 1\n" * 200_000)}}, 601200202),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_nothing_is_written(memory, user, changes, code):
    before = await memory.memory.log.end()
    assert (await user.create(**changes))["code"] == code
    assert await memory.memory.log.end() == before


@pytest.mark.parametrize(("version", "code"), [("0.0.1", 601205012), ("1", 601205020), ("1.0." + "1" * 60, 601205018)])
async def test_a_version_that_cannot_stand_is_refused(user, version, code):
    assert (await user.submit(await user.evaluator(), version))["code"] == code


async def test_a_draft_may_be_wrong_but_is_not_submitted(user):
    evaluator = await user.evaluator()
    assert (await user.update_draft(evaluator, "def ("))["code"] == 0
    assert (await user.submit(evaluator, "0.0.2"))["code"] == 601205047


async def test_a_draft_cannot_change_the_type(user):
    assert (await user.update_draft(await user.evaluator(), CODE, evaluator_type=1))["code"] == 601200202


async def test_another_spaces_evaluators_are_not_found_and_not_listed(memory, user):
    evaluator = await user.evaluator()
    version_id = (await user.versions(evaluator))["evaluator_versions"][0]["id"]
    stranger = User(memory, "9")
    for workspace in ("70", "90"):
        asked = {"workspace_id": workspace}
        assert (await stranger.get(evaluator, **asked))["code"] == 601205009
        assert (await stranger.patch(evaluator, name="x", **asked))["code"] == 601205009
        assert (await stranger.post(f"{evaluator}/submit_version", version="0.0.2", **asked))["code"] == 601205009
        assert (await stranger.post(f"{evaluator}/versions/list", **asked))["code"] == 601205009
        assert (await stranger.client.delete(evaluator, **asked))["code"] == 601205009
        assert (await stranger.get(f"{BASE}/evaluators_versions/{version_id}", **asked))["code"] == 601205013
    ids = {"workspace_id": "90", "evaluator_ids": [evaluator.split("/")[-1]], "evaluator_version_ids": [version_id]}
    assert (await stranger.post(f"{EVALUATORS}/batch_get", **ids))["evaluators"] == []
    assert (await stranger.post(f"{BASE}/evaluators_versions/batch_get", **ids))["evaluators"] == []
    assert (await stranger.post(f"{EVALUATORS}/list", workspace_id="90"))["evaluators"] == []
    assert (await stranger.create())["code"] == 601200101


@pytest.mark.parametrize(("levels", "code"), [(20, 0), (60, 602000201), (150, 602000201)])
async def test_deeply_nested_content_is_kept_or_refused_but_never_an_internal_error(user, levels, code):
    value = {"text": "x"}
    for _ in range(levels):
        value = {"multi_part": [value]}
    nested = content(input_schemas=[{"key": "a", "default_value": value}])
    assert (await user.create(version={"evaluator_content": nested}))["code"] == code
