"""One-time codes for passwords that somebody forgot; an operator gives them out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from commands.reservations import Held, evolve_held, reservation
from commands.users.email import normalised
from commands.users.user import EMAIL
from events.event import GLOBAL_SPACE
from infra.eventstore.log import EventLog
from infra.vault.vault import Vault

NO_ONE: Held = {}


class NobodyRegistered(ValueError):
    """No user has this e-mail."""


class ResetCodes:
    """Codes for whoever holds an e-mail, as the log says and no read model: it also works alone."""

    def __init__(self, log: EventLog, vault: Vault) -> None:
        self._log = log
        self._vault = vault

    async def issue(self, email: str) -> AsyncIterator[Mapping[str, Any]]:
        """One line with the code and its end; raises NobodyRegistered."""
        digest = await self._vault.keys.digest(GLOBAL_SPACE, normalised(email))
        stream = reservation(GLOBAL_SPACE, EMAIL, digest)
        held = (await self._log.load([stream], NO_ONE, evolve_held, fresh=True)).state
        if digest not in held:
            raise NobodyRegistered("nobody has registered with this e-mail")
        code, expires_at = await self._vault.people.new_code(held[digest])
        yield {"reset_code": code, "expires_at": expires_at.isoformat(), "final": True}
