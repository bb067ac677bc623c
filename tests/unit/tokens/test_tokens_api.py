"""Personal access tokens through HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.accounts import Accounts, Browser

TOKENS = "/api/auth/v1/personal_access_tokens"
PAGE = {"page_size": 100, "page_number": 1}
DAY = 86400


async def created(browser: Browser, **asked: Any) -> dict[str, Any]:
    return await browser.post(TOKENS, {"name": "laptop", "duration_day": "1", **asked})


async def listed(browser: Browser, **page: int) -> list[dict[str, Any]]:
    return (await browser.post(f"{TOKENS}/list", params={**PAGE, **page}))["personal_access_tokens"]


async def test_a_token_is_shown_once_and_opens_the_door_for_its_owner() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    answer = await created(ada)
    assert await accounts.platform.tokens.user_of(answer["token"]) == ada.user["user_id"]
    shown = answer["personal_access_token"]
    assert shown["last_used_at"] == "0" and int(shown["expire_at"]) - int(shown["created_at"]) == DAY
    assert all(len(shown[k]) == 10 for k in ("created_at", "updated_at", "expire_at"))
    assert answer["token"] not in str(await listed(ada)) + str(await ada.get(f"{TOKENS}/{shown['id']}"))
    assert answer["token"] not in repr(accounts.memory.log.recorded)


async def test_a_token_never_used_says_so() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    answer = await created(ada)
    [row] = await listed(ada)
    assert row["last_used_at"] == "-1"
    await accounts.platform.tokens.user_of(answer["token"])
    await accounts.vault.tokens.settle()
    [row] = await listed(ada)
    assert int(row["last_used_at"]) >= int(row["created_at"])


@pytest.mark.parametrize(("duration", "days"), [("1", 1), ("30", 30), ("365", 365), ("permanent", 99 * 365)])
async def test_a_duration_in_days_wins_over_a_time(duration: str, days: int) -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    shown = (await created(ada, duration_day=duration, expire_at="1"))["personal_access_token"]
    assert int(shown["expire_at"]) - int(shown["created_at"]) == days * DAY


@pytest.mark.parametrize(
    "asked",
    [
        {"name": None},
        {"name": ""},
        {"name": "n" * 65},
        {"name": "nul\0"},
        {"duration_day": "2"},
        {"duration_day": None},
        {"duration_day": None, "expire_at": "1"},
        {"duration_day": None, "expire_at": str(2**63 - 1)},
        {"duration_day": None, "expire_at": "-1"},
    ],
)
async def test_a_token_without_name_or_sensible_expiry_is_refused_and_leaves_nothing(asked: dict[str, Any]) -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    before = len(accounts.memory.log.recorded)
    assert (await created(ada, **asked))["code"] == 602000202
    assert await listed(ada) == []
    assert len(accounts.memory.log.recorded) == before


async def test_tokens_are_listed_newest_first_page_by_page() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    for name in ("first", "second", "third"):
        await created(ada, name=name)
    assert [t["name"] for t in await listed(ada)] == ["third", "second", "first"]
    assert [t["name"] for t in await listed(ada, page_size=2, page_number=2)] == ["first"]
    assert (await ada.post(f"{TOKENS}/list"))["code"] == 602000202


async def test_a_token_is_renamed_and_deleted() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    answer = await created(ada)
    path = f"{TOKENS}/{answer['personal_access_token']['id']}"
    assert (await ada.call("PUT", path, {"name": "desktop"}))["code"] == 0
    assert (await ada.get(path))["personal_access_token"]["name"] == "desktop"
    assert (await ada.call("PUT", path, {"name": "n" * 65}))["code"] == 602000202
    assert await ada.call("DELETE", path) == {"code": 0, "msg": ""}
    assert await accounts.platform.tokens.user_of(answer["token"]) is None
    assert await listed(ada) == []


async def test_what_is_missing_is_an_empty_success() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert await ada.call(method, f"{TOKENS}/424242", body) == {"code": 0, "msg": ""}


async def test_nobody_touches_the_token_of_another() -> None:
    accounts = await Accounts.open()
    ada, eve = await accounts.registered("ada@example.org"), await accounts.registered("eve@example.org")
    answer = await created(ada)
    path = f"{TOKENS}/{answer['personal_access_token']['id']}"
    before = await listed(ada)
    for method, body in (("GET", None), ("PUT", {"name": "stolen"}), ("DELETE", None)):
        refused = await eve.call(method, path, body)
        assert refused["code"] == 602000101 and "laptop" not in str(refused)
    assert await listed(eve) == []
    assert await listed(ada) == before
    assert await accounts.platform.tokens.user_of(answer["token"]) == ada.user["user_id"]


async def test_a_token_whose_creation_was_cut_off_can_be_deleted() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    answer = await created(ada)
    shown = answer["personal_access_token"]
    orphan = await accounts.platform.tokens.get(shown["id"])
    assert orphan is not None
    await accounts.platform.tokens.remove(orphan.id)
    secret = await accounts.platform.tokens.add(replace(orphan, id="424242"))
    assert (await ada.call("DELETE", f"{TOKENS}/424242"))["code"] == 0
    assert await accounts.platform.tokens.user_of(secret) is None
