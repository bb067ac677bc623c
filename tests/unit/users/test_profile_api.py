"""Profiles and passwords, through HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from cozeloop.resetting import NobodyRegistered, ResetCodes
from tests.accounts import PASSWORD, Accounts, Browser

USERS = "/api/foundation/v1/users"
PROFILE = f"{USERS}/undefined/update_profile"
RESET = f"{USERS}/reset_password"
BY_CODE = "/v1/platform/users/reset_password"
NEW = "another horse"


async def two() -> tuple[Accounts, Browser, Browser]:
    accounts = await Accounts.open()
    return accounts, await accounts.registered("ada@example.org"), await accounts.registered("bob@example.org")


async def change(browser: Browser, **values: Any) -> dict[str, Any]:
    return await browser.call("PUT", PROFILE, values)


async def signs_in(accounts: Accounts, password: str, email: str = "ada@example.org") -> bool:
    answer = await accounts.browser().post(f"{USERS}/login_by_password", {"email": email, "password": password})
    return bool(answer["code"] == 0)


async def code_for(accounts: Accounts, email: str) -> str:
    [line] = [line async for line in ResetCodes(accounts.platform.log, accounts.vault).issue(email)]
    return str(line["reset_code"])


async def test_a_profile_is_what_was_changed_last_and_the_rest_stays() -> None:
    _, ada, _ = await two()
    await change(ada, name="Ada", nick_name="  Countess  ")
    answer = await change(ada, description="Notes.", avatar_uri="https://example.org/ada.png")
    assert answer["code"] == 0
    shown = (await ada.get(f"{USERS}/session"))["user_info"]
    assert answer["user_info"] == shown
    assert (shown["name"], shown["nick_name"]) == ("Ada", "Countess")
    assert shown["avatar_url"] == "https://example.org/ada.png"
    assert "avatar_url" not in (await change(ada, avatar_uri=""))["user_info"]


async def test_the_user_is_the_caller_s_whatever_the_path_says() -> None:
    _, ada, bob = await two()
    path = f"{USERS}/{bob.user['user_id']}/update_profile"
    answer = await ada.call("PUT", path, {"nick_name": "x", "user_id": bob.user["user_id"]})
    assert answer["user_info"]["user_id"] == ada.user["user_id"]
    assert (await bob.get(f"{USERS}/session"))["user_info"] == bob.user


@pytest.mark.parametrize("name", ["Ada", "ADA", " ada ", "Ａｄａ"])
async def test_a_name_is_one_user_s_however_it_is_written(name: str) -> None:
    _, ada, bob = await two()
    await change(ada, name="Ada")
    assert (await change(bob, name=name, nick_name="n"))["code"] == 602000204
    assert (await bob.get(f"{USERS}/session"))["user_info"] == bob.user


async def test_of_many_who_want_one_name_at_once_one_gets_it() -> None:
    accounts = await Accounts.open()
    browsers = [await accounts.registered(f"user{i}@example.org") for i in range(5)]
    codes = [answer["code"] for answer in await asyncio.gather(*(change(b, name="Ada") for b in browsers))]
    assert sorted(codes) == [0] + [602000204] * 4
    names = [(await b.get(f"{USERS}/session"))["user_info"]["name"] for b in browsers]
    assert names.count("Ada") == 1


async def test_a_name_that_was_given_up_is_free_and_one_that_is_shown_never() -> None:
    _, ada, bob = await two()
    await change(ada, name="Ada")
    await change(ada, name="Augusta")
    assert (await change(bob, name="Augusta"))["code"] == 602000204
    assert (await change(bob, name="Ada"))["code"] == 0
    assert (await change(ada, name="Ada"))["code"] == 602000204


async def test_many_changes_of_one_s_name_at_once_leave_one_that_is_held() -> None:
    _, ada, bob = await two()
    await asyncio.gather(*(change(ada, name=f"n{i}") for i in range(6)))
    shown = (await ada.get(f"{USERS}/session"))["user_info"]["name"]
    taken = [i for i in range(6) if (await change(bob, name=f"n{i}"))["code"]]
    assert [f"n{i}" for i in taken] == [shown]


async def test_the_first_name_of_another_cannot_be_taken_and_one_s_own_can_be_taken_back() -> None:
    _, ada, bob = await two()
    assert (await change(bob, name=ada.user["name"].upper()))["code"] == 602000204
    await change(ada, name="Ada")
    assert (await change(ada, name=ada.user["name"]))["code"] == 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"nick_name": ""},
        {"name": "n" * 65},
        {"nick_name": "n" * 65},
        {"description": "d" * 1001},
        {"avatar_uri": "javascript:alert(1)"},
        {"avatar_uri": "data:text/html,x"},
        {"name": "a\nb"},
        {"name": "a\u202eb"},
    ],
)
async def test_what_is_no_profile_is_refused_by_field_and_changes_nothing(values: dict[str, str]) -> None:
    accounts, ada, _ = await two()
    end = await accounts.platform.log.end()
    answer = await change(ada, **values)
    assert answer["code"] == 602000202
    assert next(iter(values), "name") in answer["msg"]
    assert await accounts.platform.log.end() == end
    assert (await ada.get(f"{USERS}/session"))["user_info"] == ada.user


async def test_nothing_of_a_profile_is_in_the_log() -> None:
    accounts, ada, _ = await two()
    said = {"name": "canaryname", "nick_name": "canarynick", "description": "canarytext", "avatar_uri": "canaryface"}
    assert (await change(ada, **said))["code"] == 0
    recorded = await accounts.platform.log.read_all(0, 1000)
    stored = json.dumps([[str(r.stream), r.event.model_dump(mode="json"), r.meta.actor] for r in recorded])
    assert "UserProfileChanged" in [type(r.event).__name__ for r in recorded]
    assert "canary" not in stored


async def test_who_is_not_signed_in_changes_nothing() -> None:
    accounts = await Accounts.open()
    assert (await change(accounts.browser(), name="x"))["code"] == 602000702
    body = {"email": "ada@example.org", "password": NEW, "code": PASSWORD}
    assert (await accounts.browser().post(RESET, body))["code"] == 602000702


async def test_the_current_password_sets_another_and_every_session_ends() -> None:
    accounts, ada, _ = await two()
    second = accounts.browser()
    await second.post(f"{USERS}/login_by_password", {"email": "ada@example.org", "password": PASSWORD})
    answer = await ada.post(RESET, {"email": " ADA@example.org", "password": NEW, "code": PASSWORD})
    assert answer["code"] == 0
    assert "session_key" not in ada.http.cookies
    assert (await second.get(f"{USERS}/session"))["code"] == 602000702
    assert (await signs_in(accounts, PASSWORD), await signs_in(accounts, NEW)) == (False, True)


async def test_only_one_s_own_password_is_set() -> None:
    accounts, ada, _ = await two()
    for code in (PASSWORD, await code_for(accounts, "bob@example.org")):
        answer = await ada.post(RESET, {"email": "bob@example.org", "password": NEW, "code": code})
        assert answer["code"] == 602000101
    own = {"email": "ada@example.org", "password": NEW, "code": await code_for(accounts, "bob@example.org")}
    assert (await ada.post(RESET, own))["code"] == 602002003
    assert not await signs_in(accounts, NEW, "bob@example.org")


@pytest.mark.parametrize("missing", ["email", "password", "code"])
@pytest.mark.parametrize("path", [RESET, BY_CODE])
async def test_what_is_missing_is_named(path: str, missing: str) -> None:
    _, ada, _ = await two()
    body = {"email": "ada@example.org", "password": NEW, "code": PASSWORD, missing: ""}
    answer = await ada.post(path, body)
    assert (answer["code"], missing in answer["msg"]) == (602000202, True)


async def test_a_one_time_code_works_once_signed_in_or_not_in_whatever_case() -> None:
    accounts, ada, _ = await two()
    code = await code_for(accounts, "Ada@example.org ")
    body = {"email": "ada@example.org", "password": NEW, "code": code.lower().replace("-", " ")}
    assert (await accounts.browser().post(BY_CODE, body))["code"] == 0
    assert (await ada.get(f"{USERS}/session"))["code"] == 602000702
    assert await signs_in(accounts, NEW)
    assert (await accounts.browser().post(BY_CODE, body | {"password": "third"}))["code"] == 602002003
    again = accounts.browser()
    await again.post(f"{USERS}/login_by_password", {"email": "ada@example.org", "password": NEW})
    second = await code_for(accounts, "ada@example.org")
    answer = await again.post(RESET, {"email": "ada@example.org", "password": "third", "code": second})
    assert answer["code"] == 0
    assert await signs_in(accounts, "third")


async def test_of_many_who_use_one_code_at_once_one_succeeds() -> None:
    accounts, _, _ = await two()
    body = {"email": "ada@example.org", "code": await code_for(accounts, "ada@example.org")}
    sent = (accounts.browser().post(BY_CODE, body | {"password": f"new {i}"}) for i in range(4))
    codes = sorted([answer["code"] for answer in await asyncio.gather(*sent)])
    assert codes == [0] + [602002003] * 3


async def test_the_current_password_is_no_code_for_whoever_is_not_signed_in() -> None:
    accounts, _, _ = await two()
    body = {"email": "ada@example.org", "password": NEW, "code": PASSWORD}
    assert (await accounts.browser().post(BY_CODE, body))["code"] == 602002003


async def test_a_new_code_ends_the_last_and_a_changed_password_ends_both() -> None:
    accounts, ada, _ = await two()
    first = await code_for(accounts, "ada@example.org")
    second = await code_for(accounts, "ada@example.org")
    body = {"email": "ada@example.org", "password": NEW}
    assert (await accounts.browser().post(BY_CODE, body | {"code": first}))["code"] == 602002003
    assert (await ada.post(RESET, body | {"code": PASSWORD}))["code"] == 0
    assert (await accounts.browser().post(BY_CODE, body | {"code": second}))["code"] == 602002003


async def test_a_code_ends_after_an_hour_and_is_stored_as_a_hash() -> None:
    accounts, _, _ = await two()
    code = await code_for(accounts, "ada@example.org")
    codes = accounts.vault.tables.reset_codes
    [row] = await accounts.vault.database.read(lambda conn: conn.execute(codes.select()).mappings().all())
    assert code not in str(row)
    assert code.replace("-", "") not in str(row)
    assert row["expires_at"] - row["created_at"] == timedelta(hours=1) / timedelta(microseconds=1)
    past = codes.update().values(expires_at=row["created_at"] - 1)
    await accounts.vault.database.write(lambda conn: conn.execute(past))
    body = {"email": "ada@example.org", "password": NEW, "code": code}
    assert (await accounts.browser().post(BY_CODE, body))["code"] == 602002003


async def test_there_is_no_code_for_nobody_and_an_unknown_email_is_answered_as_a_wrong_code() -> None:
    accounts, _, _ = await two()
    with pytest.raises(NobodyRegistered, match="nobody has registered"):
        await code_for(accounts, "eve@example.org")
    answers = [
        await accounts.browser().post(BY_CODE, {"email": email, "password": NEW, "code": "AAAA-BBBB"})
        for email in ("eve@example.org", "ada@example.org")
    ]
    assert answers[0] == answers[1]


async def test_guessing_is_slowed_down() -> None:
    accounts, ada, _ = await two()
    body = {"email": "ada@example.org", "password": NEW, "code": "wrong"}
    codes = [(await ada.post(RESET, body))["code"] for _ in range(6)]
    assert codes == [602002003] * 5 + [602000205]
    anybody = [(await accounts.browser().http.post(BY_CODE, json=body)).status_code for _ in range(6)]
    assert anybody == [200] * 5 + [429]
