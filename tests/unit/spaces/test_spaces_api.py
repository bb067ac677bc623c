"""Spaces through HTTP."""

from __future__ import annotations

from tests.accounts import Accounts

LIST = "/api/foundation/v1/spaces/list"


async def test_a_user_has_one_personal_space_named_in_the_answer_alone() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    answer = await ada.post(LIST, {"page_number": 1, "page_size": 100})
    [space] = answer["spaces"]
    assert answer["total"] == 1
    assert {k: v for k, v in space.items() if not k.endswith("_at") and k != "id"} == {
        "name": "个人空间",
        "description": "ada的个人空间",
        "space_type": 1,
        "owner_user_id": ada.user["user_id"],
    }
    assert len(space["create_at"]) == len(space["update_at"]) == 13
    got = await ada.get(f"/api/foundation/v1/spaces/{space['id']}")
    assert got["space"] == space


async def test_nobody_sees_a_space_of_another() -> None:
    accounts = await Accounts.open()
    ada, eve = await accounts.registered("ada@example.org"), await accounts.registered("eve@example.org")
    [space] = (await ada.post(LIST))["spaces"]
    foreign = await eve.get(f"/api/foundation/v1/spaces/{space['id']}")
    assert foreign["code"] == 602000101 and "ada" not in str(foreign)
    assert foreign == await eve.get("/api/foundation/v1/spaces/424242")
    [own] = (await eve.post(LIST, {"user_id": ada.user["user_id"]}))["spaces"]
    assert own["owner_user_id"] == eve.user["user_id"]


async def test_pages_have_bounds() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    assert (await ada.post(LIST, {"page_number": 2}))["spaces"] == []
    for wrong in ({"page_size": 0}, {"page_size": 101}, {"page_number": 0}):
        assert (await ada.post(LIST, wrong))["code"] == 602000202
