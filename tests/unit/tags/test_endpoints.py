"""What the endpoints of tags answer, from HTTP to HTTP, over a log in memory."""

from __future__ import annotations

import pytest

from cozeloop.api.tags import routes
from tests.in_memory import InMemory

TAGS = "/api/data/v1/tags"
REFUSED = 601100202
VALUES = [{"tag_value_name": "good"}, {"tag_value_name": "bad"}]


@pytest.fixture
async def memory():
    memory = InMemory(routes.api)
    await memory.admit("7", space="70")
    await memory.admit("9", space="90")
    return memory


class User:
    """Somebody who tags in space 70."""

    def __init__(self, memory, user_id="7", space="70"):
        self.client = memory.client(user_id)
        self.space = space

    async def post(self, path="", **body):
        return await self.client.post(f"{TAGS}{path}", workspace_id=self.space, **body)

    async def create(self, name="quality", **fields):
        body = {"tag_key_name": name, "tag_content_type": "categorical", "tag_values": VALUES} | fields
        return await self.post(**body)

    async def update(self, id, **body):
        return await self.client.patch(f"{TAGS}/{id}", workspace_id=self.space, **body)

    async def search(self, **body):
        answer = await self.post("/search", **body)
        assert answer["code"] == 0, answer
        return [tag["tag_key_name"] for tag in answer["tagInfos"]], answer


@pytest.fixture
def user(memory):
    return User(memory)


async def test_a_tag_is_shown_with_its_values_and_the_one_for_the_rest(user):
    id = (await user.create(description="how good"))["tag_key_id"]
    [tag] = (await user.post("/batch_get", tag_key_ids=[id]))["tag_info_list"]
    assert (tag["tag_key_name"], tag["version"], tag["version_num"], tag["status"]) == ("quality", "0.0.1", 1, "active")
    assert [v["tag_value_name"] for v in tag["tag_values"]] == ["good", "bad", "其他「系统自动生成」"]
    assert tag["base_info"]["created_by"]["user_id"] == "7"


async def test_a_number_shows_its_range(user):
    spec = {"continuous_number_spec": {"min_value": 0, "max_value": 1.5, "max_value_description": "best"}}
    made = await user.create("score", tag_content_type="continuous_number", tag_values=[], tag_content_spec=spec)
    [tag] = (await user.post("/batch_get", tag_key_ids=[made["tag_key_id"]]))["tag_info_list"]
    shown = tag["content_spec"]["continuous_number_spec"]
    assert (shown["min_value"], shown["max_value"], shown["max_value_description"]) == (0, 1.5, "best")


async def test_the_history_says_what_each_version_changed(user):
    id = (await user.create())["tag_key_id"]
    [tag] = (await user.post("/batch_get", tag_key_ids=[id]))["tag_info_list"]
    good, _, rest = tag["tag_values"]
    values = [{**good, "tag_value_name": "fine"}, rest, {"tag_value_name": "ugly"}]
    assert (await user.update(id, tag_key_name="grade", tag_values=values))["code"] == 0
    assert (await user.post("/batch_update_status", tag_key_ids=[id], to_status="inactive"))["err_info"] == {}
    answer = await user.post(f"/{id}/detail", page_size=2)
    newest, middle = answer["tags"]
    assert [(newest["version_num"], newest["status"]), (middle["version_num"], middle["status"])] == [
        (3, "inactive"),
        (2, "deprecated"),
    ]
    assert newest["change_logs"] == [
        {"target": "tag_status", "operation": "update", "before_value": "active", "after_value": "inactive"}
    ]
    assert [(c["target"], c["operation"], c["before_value"], c["after_value"]) for c in middle["change_logs"]] == [
        ("tag_name", "update", "quality", "grade"),
        ("tag_value_name", "update", "good", "fine"),
        ("tag_value_name", "create", "", "ugly"),
        ("tag_value_name", "delete", "bad", ""),
    ]
    [first] = (await user.post(f"/{id}/detail", page_size=2, page_token=answer["next_page_token"]))["tags"]
    assert (first["tag_key_name"], first["change_logs"][0]["operation"]) == ("quality", "create")


async def test_a_search_pages_by_number_and_by_token(user):
    for name in ("a", "b", "c"):
        await user.create(name)
    order = {"field": "created_at", "is_asc": True}
    names, answer = await user.search(page_size=2, order_by=order)
    assert (names, answer["total"]) == (["a", "b"], "3")
    assert (await user.search(page_size=2, page_token=answer["next_page_token"], order_by=order))[0] == ["c"]
    assert (await user.search(page_size=2, page_number=2, order_by=order))[0] == ["c"]
    assert (await user.search(tag_key_name_like="B"))[0] == ["b"]
    assert (await user.search(tag_key_name="nothing"))[1]["tagInfos"] == []


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"tag_key_name": "a", "tag_key_name_like": "a"}, "tag_key_name_like"),
        ({"order_by": {"field": "name"}}, "order_by"),
        ({"page_token": "garbage"}, "page_token"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(user, asked, named):
    answer = await user.post("/search", **asked)
    assert answer["code"] != 0
    assert named in answer["msg"]


async def test_a_taken_name_is_refused_until_its_tag_is_deprecated(user):
    id = (await user.create())["tag_key_id"]
    assert (await user.create())["code"] == REFUSED
    refused = (await user.post("/batch_update_status", tag_key_ids=[id, "5"], to_status="deprecated"))["err_info"]
    assert refused == {"5": "tag 5 does not exist"}
    assert (await user.create())["code"] == 0


async def test_an_option_becomes_a_tag(user):
    made = await user.create("part", tag_type="option")
    assert (await user.search())[0] == []
    id = made["tag_key_id"]
    assert (await user.post(f"/{id}/archive_option_tag", name="whole"))["code"] == 0
    assert (await user.search())[0] == ["whole"]
    assert (await user.post(f"/{id}/archive_option_tag", name="again"))["code"] == REFUSED


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"tag_values": [{"tag_value_name": "a", "children": [{"tag_value_name": "b"}]}]},
        {"tag_values": []},
        {"version": "one"},
    ],
)
async def test_what_breaks_a_rule_is_refused_and_nothing_is_there(user, body):
    assert (await user.create(**body))["code"] == REFUSED
    assert (await user.search())[0] == []


async def test_a_stranger_neither_sees_nor_changes_a_tag(memory, user):
    id = (await user.create())["tag_key_id"]
    stranger = User(memory, "9", "90")
    assert (await stranger.post("/batch_get", tag_key_ids=[id]))["tag_info_list"] == []
    assert (await stranger.update(id, tag_key_name="mine"))["code"] == REFUSED
    assert (await stranger.post(f"/{id}/detail"))["code"] == REFUSED
    told = await stranger.post("/batch_update_status", tag_key_ids=[id], to_status="inactive")
    assert told["err_info"] == {id: f"tag {id} does not exist"}
    assert (await user.search())[0] == ["quality"]


async def test_the_spec_says_how_many_values_there_may_be(memory):
    answer = await memory.client("7").get("/api/data/v1/tag_spec", workspace_id="70")
    assert (answer["max_height"], answer["max_width"]) == ("1", "20")
