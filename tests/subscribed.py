"""Live events over a log in memory: what a test appends is fed when the test says so, not before.

world = Subscribed()
reader = await world.live.read(EventQuery(space="7"), "ada", 0)
await world.happen("7", "prompts", 3)      # three events of a space and capability
await world.feed()                         # the feed brings what has happened
positions = await world.all_of(reader)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from cozeloop.operations import event_type
from cozeloop.platform import EventQuery
from cozeloop.subscriptions import LiveEvents, Reader, Stored
from events.event import Event, Metadata, Recorded, Stream
from events.spaces import MemberAdded, SpaceKeyDestroyed
from events.tokens import TokenRevoked
from infra.eventstore.log import Append
from tests.memory_log import MemoryLog

AT = datetime(2025, 1, 1, tzinfo=UTC)


class MemorySource:
    """The log behind, page by page of ``size``; ``pages`` counts how often it was asked."""

    def __init__(self, log: MemoryLog, size: int) -> None:
        self._log = log
        self._size = size
        self.pages = 0

    async def page(self, filter: str, after: int) -> tuple[list[Stored], bool]:
        """Up to ``size`` events of the subject."""
        self.pages += 1
        found = await self._log.read_all(after, self._size + 1, filter)
        page = [Stored(r.position, event_type(r), r) for r in found[: self._size]]
        return page, len(found) > self._size

    async def opened(self, stored: Stored) -> Recorded[Any]:
        """As it lies there."""
        return stored.raw

    async def end(self) -> int:
        """The last position."""
        return await self._log.end()

    async def before(self, time: datetime) -> int:
        """Nothing is older."""
        return 0


class Subscribed:
    """A log, its feed and its readers."""

    def __init__(self, page: int = 3, **how: Any) -> None:
        self.log = MemoryLog()
        self.source = MemorySource(self.log, page)
        self.live = LiveEvents(self.source, **how)
        self._fed = 0

    async def happen(self, space: str, capability: str, times: int = 1, other: bool = False) -> None:
        """Events of one stream, of one type or of the other."""
        event: Event = TokenRevoked(token_id="1") if other else MemberAdded(space_id=space, user_id="1", role="owner")
        stream = Stream(space, capability, "1")
        await self._append(stream, [event] * times)

    async def erase(self, space: str) -> None:
        """The space's key is destroyed."""
        await self._append(Stream("_", "spaces", space), [SpaceKeyDestroyed(space_id=space)])

    async def _append(self, stream: Stream, events: list[Event]) -> None:
        loaded = await self.log.load([stream], None, lambda s, e: s)
        meta = Metadata(actor="1", command_id=f"c{len(self.log.recorded)}", occurred_at=AT)
        await self.log.append([Append(stream, events)], loaded.tails, meta)

    async def feed(self, upto: int | None = None) -> None:
        """What has happened up to a position reaches the readers, after the read models."""
        batch = self.log.recorded[self._fed : upto]
        self._fed += len(batch)
        if batch:
            await self.live.apply(batch)

    def wanted(self, query: EventQuery, after: int = 0) -> list[int]:
        """What a reader of the query is owed of what was fed."""
        return [
            r.position
            for r in self.log.recorded[: self._fed]
            if r.position > after
            and query.space in ("", r.stream.space)
            and query.capability in ("", r.stream.capability)
            and query.type in ("", event_type(r))
        ]


async def read(reader: Reader, pages: int = 1, limit: int = 200) -> list[int]:
    """The positions of some pages, without waiting."""
    return [line.position for _ in range(pages) for line in await reader.page(0, limit)]


async def all_of(reader: Reader, head: int, limit: int = 200) -> list[int]:
    """The positions of everything up to the head; each event says its own."""
    found: list[int] = []
    while reader.position < head:
        for line in await reader.page(0, limit):
            assert orjson.loads(line.data)["position"] == line.position
            found.append(line.position)
    return found
