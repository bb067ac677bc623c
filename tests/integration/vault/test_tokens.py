"""Personal access tokens: shown once, checked fast, refused as soon as they are revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from infra.vault.installation import installation_key
from infra.vault.port import Person, TokenFacts
from infra.vault.vault import Vault, open_vault

HOUR = 3600


def facts(vault: Vault, id: str = "5", user: str = "10", lives: int = HOUR) -> TokenFacts:
    now = int(vault.now().timestamp())
    return TokenFacts(id, user, f"token {id}", now, now, -1, now + lives)


async def test_a_token_stands_for_its_owner(vault: Vault) -> None:
    token = await vault.tokens.add(facts(vault))
    assert token.startswith("clp_")
    assert await vault.tokens.user_of(token) == "10"
    for garbage in ("", "clp_", token + "x", token[:-1], token[4:], "clp_" + "x" * 10_000, "clp_é\ud800"):
        assert await vault.tokens.user_of(garbage) is None


async def test_a_token_is_not_stored(vault: Vault) -> None:
    token = await vault.tokens.add(facts(vault))
    row = await vault.database.read(lambda conn: conn.execute(select(vault.tables.tokens)).mappings().one())
    assert token.removeprefix("clp_") not in str(row)
    assert await vault.tokens.user_of(row["secret_hash"]) is None


async def test_a_token_is_refused_once_it_has_expired(vault: Vault, clock) -> None:
    token = await vault.tokens.add(facts(vault, lives=10))
    clock.passes(seconds=9)
    assert await vault.tokens.user_of(token) == "10"
    clock.passes(seconds=1)
    assert await vault.tokens.user_of(token) is None


async def test_a_removed_token_is_refused_at_once(vault: Vault) -> None:
    token = await vault.tokens.add(facts(vault))
    assert await vault.tokens.user_of(token) == "10"
    await vault.tokens.remove("5")
    assert await vault.tokens.user_of(token) is None
    assert await vault.tokens.get("5") is None


async def test_another_process_refuses_a_removed_token_within_two_seconds(vault: Vault, tmp_path, clock) -> None:
    other = await open_vault(vault.database, installation_key(tmp_path), clock)
    token = await vault.tokens.add(facts(vault))
    assert await other.tokens.user_of(token) == "10"
    await vault.tokens.remove("5")
    clock.passes(seconds=2.1)
    assert await other.tokens.user_of(token) is None
    await other.tokens.settle()


async def test_a_look_up_overtaken_by_a_removal_is_not_remembered(vault: Vault) -> None:
    token = await vault.tokens.add(facts(vault))
    read = vault.database.read

    async def overtaken(work, *args):
        found = await read(work, *args)
        vault.tokens._database = vault.database
        await vault.tokens.remove("5")
        return found

    vault.tokens._database = type("Overtaken", (), {"read": staticmethod(overtaken)})()
    await vault.tokens.user_of(token)
    assert await vault.tokens.user_of(token) is None


async def test_checking_a_token_again_costs_no_query(vault: Vault, database) -> None:
    token = await vault.tokens.add(facts(vault))
    await vault.tokens.user_of(token)
    before = database.reads
    for _ in range(100):
        assert await vault.tokens.user_of(token) == "10"
    assert database.reads == before


async def test_the_last_use_is_noted_at_most_once_a_minute(vault: Vault, clock) -> None:
    token = await vault.tokens.add(facts(vault))
    stored = await vault.tokens.get("5")
    assert stored is not None and stored.last_used_at == -1
    first = int(clock().timestamp())
    for seconds in (0, 30, 29):
        clock.passes(seconds=seconds)
        await vault.tokens.user_of(token)
    await vault.tokens.settle()
    assert (await vault.tokens.get("5")) == replace(stored, last_used_at=first)
    clock.passes(seconds=1)
    await vault.tokens.user_of(token)
    await vault.tokens.settle()
    assert (await vault.tokens.get("5")) == replace(stored, last_used_at=first + 60)


async def test_a_users_tokens_are_listed_newest_first(vault: Vault, clock) -> None:
    for id in ("7", "5", "6"):
        await vault.tokens.add(facts(vault, id))
        clock.passes(seconds=1)
    await vault.tokens.add(facts(vault, "8", user="11"))
    listed, total = await vault.tokens.list("10", 2, 0)
    assert ([t.id for t in listed], total) == (["6", "5"], 3)
    listed, total = await vault.tokens.list("10", 2, 2)
    assert ([t.id for t in listed], total) == (["7"], 3)
    assert await vault.tokens.list("12", 2, 0) == ([], 0)


async def test_a_token_may_be_renamed(vault: Vault) -> None:
    await vault.tokens.add(facts(vault))
    before = await vault.tokens.get("5")
    assert before is not None
    await vault.tokens.rename("5", "other", before.created_at + 9)
    assert await vault.tokens.get("5") == replace(before, name="other", updated_at=before.created_at + 9)


async def test_rows_whose_event_never_came_are_swept_after_an_hour(vault: Vault, clock) -> None:
    asked: list[list[str]] = []

    async def users(ids):
        asked.append(list(ids))
        return {"10"}

    async def tokens(ids):
        return {"5"}

    for id in ("10", "11"):
        await vault.people.add(Person(id, f"{id}@example.org", f"user{id}", id), "secret")
    good, orphan = await vault.tokens.add(facts(vault, "5")), await vault.tokens.add(facts(vault, "6"))
    clock.passes(minutes=59)
    assert await vault.sweep(users, tokens, tokens) == 0
    clock.passes(minutes=2)
    young = Person("12", "12@example.org", "user12", "12")
    await vault.people.add(young, "secret")
    fresh = await vault.tokens.add(facts(vault, "7", lives=9 * HOUR))
    assert await vault.sweep(users, tokens, tokens) == 2
    assert set(await vault.people.get(["10", "11", "12"])) == {"10", "12"}
    assert await vault.tokens.get("6") is None and await vault.tokens.get("5") is not None
    assert await vault.tokens.user_of(orphan) is None
    assert await vault.tokens.user_of(fresh) == "10" and good != fresh
    await vault.sweep(users, tokens, tokens)
    assert asked == [["10", "11"]]


async def test_after_a_rewind_whoever_the_log_does_not_know_is_swept_however_many_there_are(
    vault: Vault, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.vault.vault.AT_ONCE", 2)

    async def everybody(ids):
        return ids

    async def the_first_three(ids):
        return [i for i in ids if i in ("10", "11", "12")]

    people = [str(n) for n in range(10, 17)]
    for id in people:
        await vault.people.add(Person(id, f"{id}@example.org", f"user{id}", id), "secret")
    await vault.people.change("10", {"name": "later"}, 90)
    await vault.tokens.add(facts(vault, "5"))
    clock.passes(minutes=61)
    assert await vault.sweep(everybody, everybody, everybody) == 0
    await vault.rewind(50)
    assert await vault.sweep(the_first_three, the_first_three, the_first_three) == 5
    assert set(await vault.people.get(people)) == {"10", "11", "12"}
    assert await vault.tokens.get("5") is None
    await vault.people.change("10", {"name": "after the rewind"}, 51)
    assert (await vault.people.get(["10"]))["10"].name == "after the rewind"
