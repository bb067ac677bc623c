"""People, their passwords and the sessions that they open."""

from __future__ import annotations

from sqlalchemy import select

from infra.vault.port import Person
from infra.vault.vault import Vault

ADA = Person("10", "ada@example.org", "user10", "ada")


async def rows(vault: Vault, table: str) -> list[str]:
    found = await vault.database.read(lambda conn: conn.execute(select(getattr(vault.tables, table))).all())
    return [str(row) for row in found]


async def test_those_who_are_known_are_found(vault: Vault) -> None:
    await vault.people.add(ADA, "secret")
    assert await vault.people.get(["10", "11", "10"]) == {"10": ADA}
    assert await vault.people.get([]) == {}


async def test_a_thousand_people_are_found_at_once(vault: Vault) -> None:
    await vault.people.add(ADA, "secret")
    assert await vault.people.get([str(i) for i in range(1500)]) == {"10": ADA}


async def test_the_right_password_alone_is_accepted(vault: Vault) -> None:
    await vault.people.add(ADA, "sécret")
    assert await vault.people.check_password("10", "sécret")
    assert not await vault.people.check_password("10", "secret")
    assert not await vault.people.check_password("11", "sécret")
    assert not await vault.people.check_password("", "sécret")


async def test_a_password_is_stored_as_an_argon2id_hash_of_the_contracts_cost(vault: Vault) -> None:
    await vault.people.add(ADA, "canary-of-a-password")
    (row,) = await rows(vault, "people")
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in row
    assert "canary-of-a-password" not in row


async def test_a_person_forgotten_is_unknown_and_signed_out(vault: Vault) -> None:
    await vault.people.add(ADA, "secret")
    cookie, _ = await vault.sessions.open("10")
    await vault.people.remove("10")
    assert await vault.people.get(["10"]) == {}
    assert not await vault.people.check_password("10", "secret")
    assert await vault.sessions.user_of(cookie) is None


async def test_another_password_ends_every_session_of_that_user_alone(vault: Vault) -> None:
    await vault.people.add(ADA, "secret")
    mine = [(await vault.sessions.open("10"))[0] for _ in range(2)]
    theirs, _ = await vault.sessions.open("11")
    assert [await vault.sessions.user_of(c) for c in (*mine, theirs)] == ["10", "10", "11"]
    await vault.people.set_password("10", "other")
    assert [await vault.sessions.user_of(c) for c in (*mine, theirs)] == [None, None, "11"]
    assert await vault.people.check_password("10", "other")
    assert not await vault.people.check_password("10", "secret")


async def test_a_session_lives_seven_days(vault: Vault, clock) -> None:
    cookie, expires = await vault.sessions.open("10")
    clock.passes(days=7, seconds=-1)
    assert await vault.sessions.user_of(cookie) == "10"
    clock.passes(seconds=1)
    assert clock() == expires
    assert await vault.sessions.user_of(cookie) is None


async def test_a_session_that_was_closed_is_refused_at_once(vault: Vault) -> None:
    cookie, _ = await vault.sessions.open("10")
    assert await vault.sessions.user_of(cookie) == "10"
    await vault.sessions.close(cookie)
    assert await vault.sessions.user_of(cookie) is None
    await vault.sessions.close(cookie)


async def test_nobody_is_signed_in_by_what_the_vault_stores(vault: Vault) -> None:
    cookie, _ = await vault.sessions.open("10")
    (row,) = await rows(vault, "sessions")
    assert cookie not in row
    stored = row.split("'")[1]
    assert await vault.sessions.user_of(stored) is None
    assert await vault.sessions.user_of("") is None


async def test_expired_sessions_are_swept(vault: Vault, clock) -> None:
    async def nothing(ids):
        return ()

    await vault.sessions.open("10")
    clock.passes(days=6)
    cookie, _ = await vault.sessions.open("10")
    clock.passes(days=2)
    await vault.sweep(nothing, nothing, nothing)
    assert len(await rows(vault, "sessions")) == 1
    assert await vault.sessions.user_of(cookie) == "10"
