"""What follows the log beside the read models: the anchor; and the feed's messages made events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.projection import Projection
from cozeloop.projecting.tables import standings
from events.event import Recorded
from infra.eventstore.anchor import AnchorFile
from infra.eventstore.envelope import stored
from infra.eventstore.guard import Stand
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import EventLog, LogUnavailable
from infra.eventstore.verify import verify
from infra.messaging.feed import Feed
from infra.nats.ending import ended
from infra.sql.database import Database
from projections.log.commands import COMMANDS, find_command

T = TypeVar("T")
END = object()
log = logging.getLogger("cozeloop.following")

CATCH_UP_SECONDS = 5.0
SHARE_OF_TIME = 0.1
"""How much of its time the look through the whole log may take from others."""
LOOKED_AT_ONCE = 100
"""Events of it that are checked in one go: the loop is not held longer than a millisecond or two."""


class AnchorFollower:
    """Moves the anchor with the feed."""

    def __init__(self, anchor: AnchorFile) -> None:
        self._anchor = anchor

    @property
    def position(self) -> int:
        """Where the anchor stands."""
        return self._anchor.anchor.position

    async def open(self) -> int:
        """The file was read at start."""
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Takes in the batch and puts the file in place."""
        if batch[-1].position > self.position:
            self._anchor.observe((r.position, r.hash) for r in batch)
            self._anchor.save()


class CommandsSeen:
    """Where command ids were seen, up to the log's end as of each question."""

    def __init__(self, event_log: EventLog, positions: ModelPositions, database: Database) -> None:
        self._log = event_log
        self._positions = positions
        self._database = database

    async def find(self, command_id: str) -> tuple[int, str] | None:
        """Position and digest of a command; raises LogUnavailable when the read model does not come so far in time."""
        end = await self._log.end()
        if not await self._positions.reached(COMMANDS.name, end, CATCH_UP_SECONDS):
            raise LogUnavailable("the commands seen so far are not known yet; try again")
        found = await self._database.read(find_command, command_id)
        return (found.position, found.digest) if found else None


async def read_side_stands(database: Database) -> Sequence[Stand]:
    """What the read database remembers of the log, as a witness of the guard."""
    found = await database.read(standings, create=False)
    return [Stand(f"read model {s.name}", s.log_id, s.position, s.hash) for s in found.values()]


async def decoded(feed: Feed, event_log: JetStreamLog, after: int) -> AsyncGenerator[list[Recorded[Any]]]:
    """The feed's batches as events, checked and opened."""
    async with aclosing(feed.batches(after)) as batches:
        async for batch in batches:
            yield await event_log.decode([stored(m.subject, m.headers, m.data, m.sequence, m.timestamp) for m in batch])


async def one_ahead(made: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The same, each one begun while the one before is taken: a batch is opened while the last one is written.

    What making it raises comes after the one before was taken.
    """
    async with aclosing(made):
        ahead = asyncio.ensure_future(anext(made, END))
        try:
            while (item := await ahead) is not END:
                ahead = asyncio.ensure_future(anext(made, END))
                yield cast(T, item)
        finally:
            await ended(ahead)


async def look_through(event_log: JetStreamLog, anchor: AnchorFile) -> None:
    """Reads the whole log once, slowly; stops writing when events are missing, and names those that were altered.

    A record that the log server dropped leaves its count and end as they were: only reading finds it.
    """
    told = 0
    clock = asyncio.get_running_loop()
    began = clock.time()
    try:
        async for report in verify(event_log.reader, anchor.anchor, LOOKED_AT_ONCE):
            if report.losses:
                event_log.stop("; ".join(report.losses[:3]))
                return
            for problem in report.problems[told:]:
                log.critical("%s; commands on the stream are refused, look at `cozeloop verify`", problem)
            told = len(report.problems)
            await asyncio.sleep((clock.time() - began) * (1 / SHARE_OF_TIME - 1))
            began = clock.time()
    except LogUnavailable as error:
        log.warning("the look through the log broke off; run: cozeloop verify (%s)", error)


def stopped_models(projection: Projection) -> str:
    """Which read models go no further and why, in a sentence; empty when all go on."""
    return "; ".join(f"read model {name} is stopped: {why}" for name, why in projection.stopped.items())
