"""What the endpoints of evaluation sets answer, from HTTP to HTTP, over a log in memory."""

from __future__ import annotations

import pytest

from cozeloop.api.datasets import items, routes, versions
from tests.in_memory import InMemory

SETS = "/api/evaluation/v1/evaluation_sets"
NUMBER = '{"type": "integer"}'
FIELDS = [{"name": "question", "content_type": "Text"}, {"name": "answer", "content_type": "Text"}]


def turn(**cells):
    """One turn whose cells name their fields by key."""
    contents = {key: {"content_type": "Text", "text": text} for key, text in cells.items()}
    return [{"field_data_list": [{"key": key, "content": content} for key, content in contents.items()]}]


def item(key=None, **cells):
    return {"turns": turn(**cells), **({"item_key": key} if key else {})}


class User:
    """A user of space 70."""

    def __init__(self, memory, user_id="7"):
        self.client = memory.client(user_id)
        self.get, self.post = self.client.get, self.client.post

    async def create(self, name="Sums", fields=FIELDS, **more):
        return await self.post(
            SETS, **{"workspace_id": "70", "name": name, "evaluation_set_schema": {"field_schemas": fields}} | more
        )

    async def set(self, *args, **fields):
        answer = await self.create(*args, **fields)
        assert answer["code"] == 0, answer
        return f"{SETS}/{answer['evaluation_set_id']}"

    async def shown(self, path):
        return (await self.get(path, workspace_id="70"))["evaluation_set"]

    async def add(self, path, *given, **flags):
        return await self.post(f"{path}/items/batch_create", workspace_id="70", items=list(given), **flags)

    async def items(self, path, **fields):
        return await self.post(f"{path}/items/list", **{"workspace_id": "70", "page_size": 50} | fields)

    async def texts(self, path, field="question", **fields):
        found = (await self.items(path, **{"order_bys": [{"field": "created_at", "is_asc": True}]} | fields))["items"]
        return [cells(i).get(field) for i in found]

    async def list(self, **fields):
        return await self.post(f"{SETS}/list", **{"workspace_id": "70"} | fields)

    async def schema(self, path, fields):
        return await self.client.put(f"{path}/schema", workspace_id="70", fields=fields)

    async def version(self, path, version, **fields):
        return await self.post(f"{path}/versions", workspace_id="70", version=version, **fields)


def cells(shown):
    return {c["key"]: c["content"]["text"] for t in shown["turns"] for c in t["field_data_list"]}


@pytest.fixture
async def memory():
    memory = InMemory(routes.api, versions.api, items.api, dataset_max_items=5)
    await memory.admit("7", space="70")
    await memory.admit("9", space="90")
    return memory


@pytest.fixture
def user(memory):
    return User(memory)


# --- sets


async def test_a_created_set_is_shown_with_its_draft_and_the_keys_that_the_server_made(user):
    path = await user.set(fields=[*FIELDS, {"name": "備考", "content_type": "Text"}])
    shown = await user.shown(path)
    draft = shown["evaluation_set_version"]
    assert [f["key"] for f in draft["evaluation_set_schema"]["field_schemas"]] == ["question", "answer", "key_1"]
    assert (shown["name"], shown["item_count"], shown["latest_version"]) == ("Sums", "0", "")
    assert shown["change_uncommitted"] is False
    assert draft["id"] == shown["id"]
    assert shown["base_info"]["created_by"]["name"] == "nick7"


async def test_a_name_is_unique_in_its_space_and_free_again_after_a_delete(user):
    path = await user.set()
    assert (await user.create())["code"] == 601104504
    assert (await user.client.delete(path, workspace_id="70"))["code"] == 0
    assert (await user.get(path, workspace_id="70"))["code"] == 601203004
    assert (await user.create())["code"] == 0


async def test_a_deleted_set_is_shown_to_who_asks_for_deleted_ones(user):
    path = await user.set()
    await user.client.delete(path, workspace_id="70")
    shown = (await user.get(path, workspace_id="70", deleted_at="true"))["evaluation_set"]
    assert (shown["status"], "deleted_at" in shown["base_info"]) == (2, True)


async def test_a_rename_takes_the_new_name_and_gives_back_the_old(user):
    path = await user.set()
    renamed = await user.client.patch(path, workspace_id="70", name="Totals", description="d")
    assert renamed["code"] == 0
    shown = await user.shown(path)
    assert (shown["name"], shown["description"]) == ("Totals", "d")
    assert (await user.create("Totals"))["code"] == 601104504
    assert (await user.create("Sums"))["code"] == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": None}, 601200202),
        ({"evaluation_set_schema": None}, 601200202),
        ({"template_dataset_id": "5"}, 601200202),
        ({"fields": []}, 601100202),
        ({"fields": [{"name": "a", "content_type": "Smell"}]}, 601100202),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, 601100202),
        ({"fields": [{"name": "a", "key": "9"}]}, 601100202),
        ({"fields": [{"name": "a", "text_schema": "{"}]}, 601100202),
        ({"fields": [{"name": f"f{i}"} for i in range(51)]}, 601100202),
    ],
)
async def test_what_makes_no_set_is_refused(user, changed, code):
    assert (await user.create(**changed))["code"] == code


async def test_a_set_of_another_space_does_not_exist(memory, user):
    path, stranger = await user.set(), User(memory, "9")
    assert (await stranger.get(path, workspace_id="70"))["code"] == 601203004
    assert (await stranger.get(path, workspace_id="90"))["code"] == 601203004
    assert (await stranger.add(path, item(question="q")))["code"] == 601203004
    assert (await stranger.items(path))["code"] == 601203004
    assert (await user.get(path, workspace_id="90"))["code"] == 601203004


async def test_sets_are_listed_newest_change_first_and_narrowed(user):
    paths = [await user.set(name) for name in ("Alpha", "beta", "Gamma")]
    await user.add(paths[0], item(question="q"))
    listed = await user.list(page_size=2)
    assert [s["name"] for s in listed["evaluation_sets"]] == ["Alpha", "Gamma"]
    assert listed["total"] == "3"
    rest = await user.list(page_size=2, page_token=listed["next_page_token"])
    assert [s["name"] for s in rest["evaluation_sets"]] == ["beta"]
    assert [s["name"] for s in (await user.list(name="ET"))["evaluation_sets"]] == ["beta"]
    assert (await user.list(creators=["8"]))["total"] == "0"
    by_id = await user.list(evaluation_set_ids=[paths[2].rpartition("/")[2]])
    assert [s["name"] for s in by_id["evaluation_sets"]] == ["Gamma"]
    assert (await user.list(order_bys=[{"field": "name"}]))["code"] == 601104505
    assert (await user.list(page_token="!"))["code"] == 601200202


# --- items


async def test_added_items_are_listed_newest_first_with_their_cells(user):
    path = await user.set()
    answer = await user.add(path, item(question="1+1", answer="2"), item(question="2+2", answer="4"))
    assert sorted(answer["added_items"]) == ["0", "1"]
    assert answer["errors"] == []
    listed = await user.items(path)
    assert [cells(i) for i in listed["items"]] == [
        {"question": "2+2", "answer": "4"},
        {"question": "1+1", "answer": "2"},
    ]
    assert listed["total"] == "2"
    assert listed["items"][0]["item_id"] == answer["added_items"]["1"]
    shown = await user.shown(path)
    assert (shown["item_count"], shown["change_uncommitted"]) == ("2", True)


async def test_cells_may_name_their_field_by_name(user):
    path = await user.set(fields=[{"name": "Die Frage", "content_type": "Text"}])
    cell = {"name": "Die Frage", "content": {"text": "warum"}}
    await user.add(path, {"turns": [{"field_data_list": [cell]}]})
    assert await user.texts(path, "key_1") == ["warum"]


async def test_the_same_key_again_keeps_the_item_that_stands(user):
    path = await user.set()
    first = await user.add(path, item("k1", question="a"))
    again = await user.add(path, item("k1", question="b"))
    assert again["added_items"] == first["added_items"]
    assert [o["is_new_item"] for o in again["item_outputs"]] == [False]
    mixed = await user.add(path, item("k1", question="c"), item("k2", question="d"))
    assert [o["is_new_item"] for o in mixed["item_outputs"]] == [False, True]
    assert await user.texts(path) == ["a", "d"]


async def test_a_key_twice_in_one_request_is_refused(user):
    path = await user.set()
    assert (await user.add(path, item("k", question="a"), item("k", question="b")))["code"] == 601100201


async def test_one_bad_row_keeps_all_out_unless_bad_rows_are_skipped(user):
    path = await user.set(fields=[{"name": "n", "content_type": "Text", "text_schema": NUMBER}])
    given = [item(n="1"), item(n="x"), item(n="y"), {"turns": []}]
    refused = await user.add(path, *given)
    assert refused["code"] == 0
    assert refused["added_items"] == {}
    assert [(g["type"], g["error_count"], [d["index"] for d in g["details"]]) for g in refused["errors"]] == [
        (1, 2, [1, 2]),
        (2, 1, [3]),
    ]
    assert (await user.items(path))["total"] == "0"
    taken = await user.add(path, *given, skip_invalid_items=True)
    assert list(taken["added_items"]) == ["0"]
    assert [g["type"] for g in taken["errors"]] == [1, 2]


async def test_a_full_set_takes_no_more_unless_a_part_is_allowed(user):
    path = await user.set()
    await user.add(path, *[item(question=str(n)) for n in range(4)])
    two = [item(question="x"), item(question="y")]
    assert (await user.add(path, *two))["code"] == 601104501
    answer = await user.add(path, *two, allow_partial_add=True)
    assert (list(answer["added_items"]), answer["errors"][0]["type"]) == (["0"], 4)
    full = await user.add(path, *two, allow_partial_add=True)
    assert (full["code"], full["added_items"], full["errors"][0]["error_count"]) == (0, {}, 2)


async def test_an_item_is_changed_in_its_place(user):
    path = await user.set()
    added = (await user.add(path, item("k", question="a"), item(question="b")))["added_items"]
    changed = await user.client.put(f"{path}/items/{added['0']}", workspace_id="70", turns=turn(question="c"))
    assert changed["code"] == 0
    assert await user.texts(path) == ["c", "b"]
    found = (await user.post(f"{path}/items/batch_get", workspace_id="70", item_ids=[added["0"]]))["items"]
    assert (found[0]["item_key"], cells(found[0])) == ("k", {"question": "c"})


async def test_a_change_that_does_not_fit_or_has_no_item_is_refused(user):
    path = await user.set(fields=[{"name": "n", "content_type": "Text", "text_schema": NUMBER, "isRequired": True}])
    added = (await user.add(path, item(n="1")))["added_items"]["0"]
    put = user.client.put
    assert (await put(f"{path}/items/{added}", workspace_id="70", turns=turn(n="x")))["code"] == 601104506
    assert (await put(f"{path}/items/{added}", workspace_id="70", turns=turn(n="")))["code"] == 601104506
    assert (await put(f"{path}/items/{added}", workspace_id="70", turns=turn(other="1")))["code"] == 601104506
    assert (await put(f"{path}/items/5", workspace_id="70", turns=turn(n="1")))["code"] == 601103001
    assert await user.texts(path, "n") == ["1"]


async def test_removed_items_are_gone_and_a_clear_removes_all(user):
    path = await user.set()
    added = (await user.add(path, *[item(question=str(n)) for n in range(3)]))["added_items"]
    body = {"workspace_id": "70", "item_ids": [added["1"], "5"]}
    assert (await user.post(f"{path}/items/batch_delete", **body))["code"] == 0
    assert await user.texts(path) == ["0", "2"]
    assert (await user.post(f"{path}/items/batch_delete", **body))["code"] == 0
    assert (await user.post(f"{path}/items/batch_delete", workspace_id="70", item_ids=[]))["code"] == 601100202
    assert (await user.post(f"{path}/items/clear", workspace_id="70"))["code"] == 0
    assert (await user.items(path))["total"] == "0"
    assert (await user.shown(path))["item_count"] == "0"


async def test_items_page_by_number_and_by_token_in_every_order(user):
    path = await user.set()
    await user.add(path, *[item(question=str(n)) for n in range(5)])
    for field in ("updated_at", "created_at", "item_id"):
        for ascending in (True, False):
            order = [{"field": field, "is_asc": ascending}]
            seen, token = [], None
            while True:
                page = await user.items(path, page_size=2, order_bys=order, **({"page_token": token} if token else {}))
                seen += [cells(i)["question"] for i in page["items"]]
                token = page.get("next_page_token")
                if not token:
                    break
            assert seen == ["0", "1", "2", "3", "4"][:: 1 if ascending else -1]
            second = await user.items(path, page_size=2, page_number=2, order_bys=order)
            assert [cells(i)["question"] for i in second["items"]] == seen[2:4]
    assert (await user.items(path, order_bys=[{"field": "content"}]))["code"] == 601104505


# --- schema and versions


async def test_a_field_left_out_is_deleted_and_its_key_is_not_given_again(user):
    path = await user.set()
    await user.add(path, item(question="q", answer="a"))
    fields = [{"key": "question", "name": "Question", "content_type": "Text"}, {"name": "answer"}]
    assert (await user.schema(path, fields))["code"] == 0
    schema = (await user.shown(path))["evaluation_set_version"]["evaluation_set_schema"]["field_schemas"]
    assert [(f["key"], f["name"]) for f in schema] == [("question", "Question"), ("answer_1", "answer")]
    assert [cells(i) for i in (await user.items(path))["items"]] == [{"question": "q"}]


async def test_a_type_changes_only_while_the_set_is_empty(user):
    path = await user.set()
    stricter = [{"key": "question", "name": "question", "content_type": "Text", "text_schema": NUMBER}]
    other = [{"key": "question", "name": "question", "content_type": "Image"}]
    await user.add(path, item(question="q"))
    assert (await user.schema(path, other))["code"] == 601104502
    assert (await user.schema(path, stricter))["code"] == 601104502
    await user.post(f"{path}/items/clear", workspace_id="70")
    assert (await user.schema(path, other))["code"] == 0


async def test_a_version_reads_the_same_rows_for_ever(user):
    path = await user.set()
    added = (await user.add(path, item(question="1"), item(question="2")))["added_items"]
    version_id = (await user.version(path, "1.0.0", desc="first"))["id"]
    shown = await user.shown(path)
    assert (shown["latest_version"], shown["change_uncommitted"]) == ("1.0.0", False)
    before = await user.items(path, version_id=version_id)
    await user.client.put(f"{path}/items/{added['0']}", workspace_id="70", turns=turn(question="changed"))
    await user.post(f"{path}/items/batch_delete", workspace_id="70", item_ids=[added["1"]])
    await user.add(path, item(question="3"))
    await user.schema(path, [{"key": "answer", "name": "answer"}])
    await user.post(f"{path}/items/clear", workspace_id="70")
    assert await user.items(path, version_id=version_id) == before
    assert before["total"] == "2"
    got = await user.get(f"{path}/versions/{version_id}", workspace_id="70")
    assert (got["version"]["description"], got["version"]["item_count"]) == ("first", "2")
    assert len(got["version"]["evaluation_set_schema"]["field_schemas"]) == 2
    assert got["evaluation_set"]["evaluation_set_version"]["id"] == version_id


async def test_versions_rise_and_are_listed_newest_first(user):
    path = await user.set()
    for version in ("0.0.1", "0.1.0", "1.0.0-rc.1", "1.0.0"):
        assert (await user.version(path, version))["code"] == 0
    for version in ("1.0.0", "0.9.9", "v2", "2.0", ""):
        assert (await user.version(path, version))["code"] in (601100202, 602000202)
    listed = await user.post(f"{path}/versions/list", workspace_id="70", page_size=3, page_number=1)
    assert [v["version"] for v in listed["versions"]] == ["1.0.0", "1.0.0-rc.1", "0.1.0"]
    assert listed["total"] == "4"
    rest = await user.post(f"{path}/versions/list", workspace_id="70", page_token=listed["next_page_token"])
    assert [v["version"] for v in rest["versions"]] == ["0.0.1"]


async def test_the_sets_own_id_names_the_draft_and_a_foreign_version_is_missing(user):
    path, other = await user.set(), await user.set("Other")
    set_id = path.rpartition("/")[2]
    await user.add(path, item(question="q"))
    assert (await user.items(path, version_id=set_id))["total"] == "1"
    assert (await user.get(f"{path}/versions/{set_id}", workspace_id="70"))["version"]["item_count"] == "1"
    foreign = (await user.version(other, "1.0.0"))["id"]
    assert (await user.items(path, version_id=foreign))["code"] == 601203004
    assert (await user.get(f"{path}/versions/{foreign}", workspace_id="70"))["code"] == 601203004


async def test_a_request_sent_again_under_its_key_adds_nothing_and_answers_the_same(user):
    path = await user.set()
    body = {"workspace_id": "70", "items": [item(question="q"), item("k", question="r")]}
    answers = [
        (await user.client.http.post(f"{path}/items/batch_create", json=body, headers={"Idempotency-Key": "x"})).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert (await user.items(path))["total"] == "2"
