"""What a process that ended at the wrong moment leaves in the vault, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cozeloop.platform import Person
from cozeloop.sweeping import ReadModelBehind, sweep
from tests.accounts import Accounts, Browser


async def with_an_orphan() -> tuple[Accounts, Browser, Any]:
    """A registered user with a token, a person whose event never came, and the vault as it is two hours later."""
    accounts = await Accounts.open()
    ada = await accounts.registered("ada@example.org")
    await ada.post("/api/auth/v1/personal_access_tokens", {"name": "laptop", "duration_day": "1"})
    await accounts.vault.people.add(Person("99", "eve@example.org", "user99", "eve"), "secret")
    begun = accounts.vault.now()
    later = replace(accounts.vault, now=lambda: begun + timedelta(hours=2))
    return accounts, ada, later


async def test_a_person_without_an_event_is_forgotten_and_everybody_else_stays() -> None:
    accounts, ada, vault = await with_an_orphan()
    assert await sweep(accounts.platform, vault) == 1
    assert set(await vault.people.get([ada.user["user_id"], "99"])) == {ada.user["user_id"]}
    assert (await vault.tokens.list(ada.user["user_id"], 10, 0))[1] == 1
    assert await sweep(accounts.platform, vault) == 0


async def test_nobody_is_forgotten_while_the_read_side_is_behind() -> None:
    accounts, ada, vault = await with_an_orphan()

    class Behind:
        async def reached(self, model: str, position: int, timeout: float) -> bool:
            return False

    with pytest.raises(ReadModelBehind):
        await sweep(replace(accounts.platform, positions=Behind()), vault)
    assert set(await vault.people.get([ada.user["user_id"], "99"])) == {ada.user["user_id"], "99"}
