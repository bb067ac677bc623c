"""The end of a space's content: its key is destroyed, and whatever was made of the content goes with it.

The key goes first: from then on nothing can be opened, whatever happens to the rest. Then the log says so, and every
read model follows. What remains is swept: drafts, objects, memories, and what other parts keep. A process that dies
on the way is followed by one that goes on where it was, at its start.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from commands.spaces.messages import DestroySpaceKey, SpaceMissing
from commands.spaces.space import UNKNOWN, Space, evolve, streams
from cozeloop.handling import CommandHandler, Issued, fingerprint
from cozeloop.projecting.tables import empty_notes
from infra.eventstore.jetstream_log import JetStreamLog
from infra.sql.database import Database
from infra.vault.vault import Vault
from projections.spaces.members import erased_spaces

log = logging.getLogger("cozeloop.erasing")

OPERATOR = "operator"
Line = Mapping[str, Any]
Remove = Callable[[str], Awaitable[int]]
"""Removes what is kept of a space beside log, vault and read models, and returns how much it was. Harmless twice."""


class Reached(Protocol):
    """Waits for the read models."""

    async def __call__(self, position: int) -> None:
        """Returns when every read model that runs shows the position."""
        ...


@dataclass
class Erasing:
    """Erases spaces. ``removes``: what other parts keep, by name; ``forgets``: memories that may hold content."""

    handle: CommandHandler
    log: JetStreamLog
    vault: Vault
    database: Database
    reached: Reached
    removes: dict[str, Remove] = field(default_factory=dict)
    forgets: list[Callable[[], None]] = field(default_factory=list)

    async def erase(self, space: str) -> AsyncIterator[Line]:
        """Yields ``{"step", "removed"}`` after each step, the last one with ``final`` true; raises SpaceMissing.

        Done again it finds nothing left, and ends the same.
        """
        command = DestroySpaceKey(space_id=space)
        state: Space = (await self.log.load(streams(command, UNKNOWN), UNKNOWN, evolve, fresh=True)).state
        if not state.exists:
            raise SpaceMissing(f"space {space} does not exist")
        yield {"step": "keys destroyed", "removed": len(await self.vault.keys.destroy(space))}
        self._forget(space)
        receipt = await self.handle(command, Issued(OPERATOR, fingerprint("destroy the key of a space", space)))
        yield {"step": "events recorded", "removed": len(receipt.events)}
        await self.reached(receipt.position or await self.log.end())
        yield {"step": "read models emptied", "removed": None}
        for name, remove in self.removes.items():
            yield {"step": f"{name} removed", "removed": await remove(space)}
        await self.database.write(empty_notes, space)
        self._forget(space)
        await self.database.scrub()
        await self.vault.keys.finished(space)
        await self.vault.scrub()
        yield {"step": "files written anew", "removed": None, "final": True}

    async def resume(self) -> None:
        """Goes on with what a process that ended left.

        That is a key destroyed before its space's end was recorded, and an end that was recorded in a log whose
        vault, being older, still holds the key.
        """
        destroyed = await self.vault.keys.destroyed()
        known = {row["space"] for row in destroyed}
        wanted = [row["space"] for row in destroyed if not row["finished"]]
        wanted += [s for s in await self.database.read(erased_spaces) if s not in known]
        for space in dict.fromkeys(wanted):
            try:
                async for line in self.erase(space):
                    log.info("space %s: %s", space, line["step"])
            except SpaceMissing:
                await self.vault.keys.finished(space)  # the log is older than the space

    def _forget(self, space: str) -> None:
        self.vault.keys.forget(space)
        self.log.forget()
        for forget in self.forgets:
            forget()


def kept_in(objects: Any) -> Remove:
    """Removes the objects of a space: the second part of an object's name is its space."""

    async def remove(space: str) -> int:
        names: Sequence[str] = [n for n in await objects.names() if n.split("/")[1:2] == [space]]
        for name in names:
            await objects.remove(name)
        return len(names)

    return remove
