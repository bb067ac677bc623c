"""Registering, signing in and out, through HTTP."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from tests.accounts import PASSWORD, Accounts

REGISTER = "/api/foundation/v1/users/register"
LOGIN = "/api/foundation/v1/users/login_by_password"
LOGOUT = "/api/foundation/v1/users/logout"
SESSION = "/api/foundation/v1/users/session"
ADA = {"email": "Ada.Lovelace@Example.org", "password": PASSWORD}


async def people_kept(accounts: Accounts) -> list[str]:
    table = accounts.vault.tables.people
    return await accounts.vault.database.read(lambda conn: list(conn.execute(select(table.c.email)).scalars()))


async def test_registering_signs_in() -> None:
    accounts = await Accounts.open()
    browser = accounts.browser()
    answer = await browser.post(REGISTER, ADA)
    user = answer["user_info"]
    assert user == {
        "user_id": user["user_id"],
        "name": f"user{user['user_id']}",
        "nick_name": "ada.lovelace",
        "email": "ada.lovelace@example.org",
    }
    assert answer["token"] == browser.http.cookies["session_key"]
    assert answer["expire_time"].isdigit()
    assert await browser.get(SESSION) == {"code": 0, "msg": "", "user_info": user}


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites() -> None:
    accounts = await Accounts.open()
    response = await accounts.browser().http.post(REGISTER, json=ADA)
    cookie = response.headers["set-cookie"]
    attributes = {part.strip().split("=")[0].lower() for part in cookie.split(";")[1:]}
    assert attributes == {"path", "max-age", "httponly", "samesite"}
    assert "SameSite=Lax" in cookie and "Path=/;" in cookie
    behind_https = await Accounts.open(secure_cookies=True)
    response = await behind_https.browser().http.post(REGISTER, json=ADA)
    assert "Secure" in response.headers["set-cookie"]


async def test_an_email_registers_once_however_it_is_spelt() -> None:
    accounts = await Accounts.open()
    await accounts.registered("ada@example.org")
    again = await accounts.browser().post(REGISTER, {"email": " ADA@example.ORG ", "password": "other"})
    assert again["code"] == 602002002
    assert await people_kept(accounts) == ["ada@example.org"]


async def test_of_many_who_register_one_email_at_once_one_gets_it() -> None:
    accounts = await Accounts.open()
    answers = await asyncio.gather(*(accounts.browser().post(REGISTER, ADA) for _ in range(8)))
    assert sorted(a["code"] for a in answers) == [0] + [602002002] * 7
    assert await people_kept(accounts) == ["ada.lovelace@example.org"]
    [winner] = [a for a in answers if a["code"] == 0]
    assert (await accounts.browser().post(LOGIN, ADA))["user_info"] == winner["user_info"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.org"},
        {"password": "secret"},
        {"email": "", "password": ""},
        {"email": "ada", "password": "secret"},
        {"email": "Ada <ada@example.org>", "password": "secret"},
        {"email": "a@b@c", "password": "secret"},
        {"email": f"{'a' * 250}@example.org", "password": "secret"},
        {"email": "ada@example.org", "password": "x" * 1025},
        {"email": "ada\0@example.org", "password": "secret"},
    ],
)
async def test_without_a_proper_email_and_password_nobody_registers(body: dict[str, str]) -> None:
    accounts = await Accounts.open()
    assert (await accounts.browser().post(REGISTER, body))["code"] == 602000202
    assert (await accounts.browser().post(LOGIN, body))["code"] == 602000202
    assert await people_kept(accounts) == []


async def test_a_closed_installation_registers_only_whom_it_lists() -> None:
    accounts = await Accounts.open(
        registration_blocked=True, allowed_emails="eve@example.org; Ada.Lovelace@example.org"
    )
    assert (await accounts.browser().post(REGISTER, ADA))["code"] == 0
    bob = await accounts.browser().post(REGISTER, {"email": "bob@example.org", "password": "secret"})
    assert bob["code"] == 602002008
    assert await people_kept(accounts) == ["ada.lovelace@example.org"]


async def test_signing_in_needs_the_right_password() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    elsewhere = accounts.browser()
    wrong = await elsewhere.post(LOGIN, {"email": "ada@example.org", "password": "wrong"})
    assert wrong["code"] == 602002003 and "session_key" not in elsewhere.http.cookies
    unknown = await elsewhere.post(LOGIN, {"email": "bob@example.org", "password": PASSWORD})
    assert unknown["code"] == 602000801
    right = await elsewhere.post(LOGIN, {"email": "ADA@example.org", "password": PASSWORD})
    assert right["code"] == 0 and right["user_info"] == ada.user
    assert (await elsewhere.get(SESSION))["user_info"] == ada.user


async def test_signing_out_ends_the_session_for_whoever_holds_its_cookie() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    stolen = accounts.browser()
    stolen.http.cookies.set("session_key", ada.http.cookies["session_key"])
    elsewhere = accounts.browser()
    await elsewhere.post(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
    assert (await stolen.get(SESSION))["code"] == 0
    assert await ada.post(LOGOUT) == {"code": 0, "msg": ""}
    assert "session_key" not in ada.http.cookies
    assert (await stolen.get(SESSION))["code"] == 602000702
    assert (await elsewhere.get(SESSION))["code"] == 0


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000])
async def test_a_cookie_that_was_never_given_out_signs_nobody_in(cookie: str) -> None:
    accounts = await Accounts.open()
    response = await accounts.browser().http.get(SESSION, headers={"cookie": f"session_key={cookie}"})
    assert response.json()["code"] == 602000702


async def test_nothing_personal_reaches_the_log_not_even_a_digest_of_the_request() -> None:
    accounts = await Accounts.open()
    ada = accounts.browser()
    await ada.post(REGISTER, ADA, headers={"Idempotency-Key": "canary-key"})
    stored = repr(accounts.memory.log.recorded).lower()
    for personal in ("lovelace", "example.org", PASSWORD, "canary-key"):
        assert personal not in stored
    assert {r.meta.command_digest for r in accounts.memory.log.recorded} == {""}
    assert {r.meta.actor for r in accounts.memory.log.recorded} == {(await ada.get(SESSION))["user_info"]["user_id"]}


async def test_two_people_who_happen_to_send_one_idempotency_key_are_two_users() -> None:
    accounts = await Accounts.open()
    bob = {"email": "bob@example.org", "password": "secret"}
    answers = [await accounts.browser().post(REGISTER, b, headers={"Idempotency-Key": "1"}) for b in (ADA, bob)]
    assert [a["code"] for a in answers] == [0, 0]
    assert len({a["user_info"]["user_id"] for a in answers}) == 2


async def test_the_key_of_the_new_space_is_durable_before_anybody_enters_it() -> None:
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    spaces = (await ada.post("/api/foundation/v1/spaces/list"))["spaces"]
    assert await accounts.vault.keys.by_id(f"{spaces[0]['id']}.1") is not None
