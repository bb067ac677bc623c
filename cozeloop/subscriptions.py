"""The log for readers outside: the newest events in memory, encoded once for all, and behind them the log itself.

Every reader has a position and nothing else. What lies behind the oldest event in memory is read by direct gets with
the reader's own subject as filter; from there on the memory serves, which one feed fills for everybody. Both are asked
by position, so that nothing is left out or told twice where one follows on the other, and a reader that does not read
costs a page of memory and no consumer of the log. A reader sees an event when this process's read models show it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from cozeloop.operations import as_json, event_type, subject_filter
from cozeloop.platform import EventLine, EventQuery, SubscriptionsEnded, TooManyReaders
from events.event import Recorded
from events.spaces import SpaceKeyDestroyed

MOST_BYTES = 8 * 1024 * 1024
"""Of encoded events kept in memory for all readers together."""
MOST_EVENTS = 4096
PAGE_EVENTS = 200
PAGE_BYTES = 256 * 1024
"""A page given to a reader ends with the event that crosses this."""


class Stored(NamedTuple):
    """An event as the log gave it, not opened yet: where it lies, its wire name, and the rest for `Source.opened`."""

    position: int
    type: str
    raw: Any


class Source(Protocol):
    """The log behind the memory."""

    async def page(self, filter: str, after: int) -> tuple[list[Stored], bool]:
        """Events at or below a subject, in order, behind a position; and whether there are more."""
        ...

    async def opened(self, stored: Stored) -> Recorded[Any]:
        """The event with its sealed fields opened."""
        ...

    async def end(self) -> int:
        """The position of the last event."""
        ...

    async def before(self, time: datetime) -> int:
        """The position of the last event recorded before a time."""
        ...


class Kept(NamedTuple):
    """An event in memory; ``data`` is None when nobody read its space as it came."""

    position: int
    space: str
    capability: str
    stream: str
    type: str
    data: bytes | None


class LiveEvents:
    """The port `Subscriptions`, and a follower of the feed. For one event loop."""

    def __init__(self, source: Source, head: int = 0, most: int = 256, most_of_one: int = 16) -> None:
        self._source = source
        self._most = most
        self._most_of_one = most_of_one
        self._kept: list[Kept] = []
        self._bytes = 0
        self._from = head
        self._readers: dict[str, set[Reader]] = {}
        self._by_owner: Counter[str] = Counter()
        self.head = head
        """How far the feed has come; what lies before the first batch is the log's."""
        self.over = asyncio.Event()

    # A follower of the feed

    @property
    def position(self) -> int:
        """Where it stands."""
        return self.head

    async def open(self) -> int:
        """What is in memory stays."""
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Takes a batch in and wakes whoever waits for one of its events."""
        fresh = [r for r in batch if r.position > self.head]
        if not fresh:
            return
        if not self._readers:
            self._kept.clear()
            self._bytes, self._from = 0, fresh[-1].position
        else:
            self._keep(fresh)
        self.head = fresh[-1].position

    def _keep(self, fresh: Sequence[Recorded[Any]]) -> None:
        everywhere = self._readers.get("", set())
        for recorded in fresh:
            if isinstance(recorded.event, SpaceKeyDestroyed):
                self._erase(recorded.event.space_id)
            stream = recorded.stream
            readers = everywhere | self._readers.get(stream.space, set())
            data = encoded(recorded) if readers else None
            name = event_type(recorded)
            kept = Kept(recorded.position, stream.space, stream.capability, stream.name, name, data)
            self._kept.append(kept)
            self._bytes += len(data or b"")
            for reader in readers:
                if reader.wants(kept):
                    reader.wake()
        surplus = 0
        while surplus < len(self._kept) and (self._bytes > MOST_BYTES or len(self._kept) - surplus > MOST_EVENTS):
            self._bytes -= len(self._kept[surplus].data or b"")
            self._from = self._kept[surplus].position
            surplus += 1
        del self._kept[:surplus]

    def _erase(self, space: str) -> None:
        """What lies opened in memory goes with its key; the log tells what is left of it."""
        self._kept = [k._replace(data=None) if k.space == space else k for k in self._kept]
        self._bytes = sum(len(k.data or b"") for k in self._kept)

    # The port

    async def read(self, query: EventQuery, owner: str, after: int | None = None) -> Reader:
        """A reader behind a position (None: behind what has happened so far)."""
        if self.over.is_set():
            raise SubscriptionsEnded("the platform is stopping")
        if sum(map(len, self._readers.values())) >= self._most:
            raise TooManyReaders(f"{self._most} readers are open")
        if self._by_owner[owner] >= self._most_of_one:
            raise TooManyReaders(f"you have {self._most_of_one} readers open")
        if query.since is not None:
            after = max(after or 0, await self._source.before(query.since))
        if after is not None and after > self.head:
            end = await self._source.end()
            if after > end:
                raise ValueError(f"after: the log ends at {end}")
        reader = Reader(self, self._source, query, owner, self.head if after is None else after)
        self._readers.setdefault(query.space, set()).add(reader)
        self._by_owner[owner] += 1
        return reader

    def end(self) -> None:
        """Every reader ends, and there will be no other."""
        self.over.set()
        for readers in self._readers.values():
            for reader in readers:
                reader.wake()

    @property
    def readers(self) -> int:
        """How many readers are open."""
        return sum(map(len, self._readers.values()))

    @property
    def behind(self) -> int:
        """How many positions the slowest reader has not looked at yet."""
        return max((self.head - r.position for rs in self._readers.values() for r in rs if not r.waits), default=0)

    def forget(self, reader: Reader) -> None:
        """The reader reads no more."""
        readers = self._readers.get(reader.query.space, set())
        if reader in readers:
            readers.remove(reader)
            self._by_owner[reader.owner] -= 1
            if not self._by_owner[reader.owner]:
                del self._by_owner[reader.owner]
            if not readers:
                del self._readers[reader.query.space]

    def kept_after(self, position: int) -> Sequence[Kept] | None:
        """Everything in memory behind a position; None when memory does not reach back so far."""
        if position < self._from:
            return None
        return self._kept[bisect_right(self._kept, position, key=lambda k: k.position) :]


class Reader:
    """One reader's place in the log. ``position`` is the last one that it needs not see again."""

    def __init__(self, live: LiveEvents, source: Source, query: EventQuery, owner: str, position: int) -> None:
        self._live = live
        self._source = source
        self._filter = subject_filter(query)
        self._woken = asyncio.Event()
        self.query = query
        self.owner = owner
        self.position = position
        self.waits = False

    async def page(self, seconds: float, limit: int = PAGE_EVENTS) -> list[EventLine]:
        """The next events wanted, at most ``limit``, waiting so long at most for the first one.

        Empty when there was none so far; then the position may have moved all the same. Raises SubscriptionsEnded.
        """
        if self.position >= self._live.head:
            await self._wait(seconds)
        if self._live.over.is_set():
            raise SubscriptionsEnded("the platform is stopping")
        if self.position >= self._live.head:
            return []
        kept = self._live.kept_after(self.position)
        found = None if kept is None else self._from_memory(kept, limit)
        return await self._from_log(limit) if found is None else found

    def wants(self, kept: Kept) -> bool:
        """Whether the query asks for the event."""
        q = self.query
        return (
            (not q.space or kept.space == q.space)
            and (not q.capability or kept.capability == q.capability)
            and (not q.type or kept.type == q.type)
            and (not q.stream or kept.stream == q.stream)
        )

    def wake(self) -> None:
        """There is something to read, or nothing ever again."""
        self._woken.set()

    async def ended(self) -> None:
        """Returns when the platform stops."""
        await self._live.over.wait()

    def close(self) -> None:
        """Gives its place back."""
        self._live.forget(self)

    async def _wait(self, seconds: float) -> None:
        self._woken.clear()
        self.waits = True
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            if not self._woken.is_set():  # both may come at once
                self.position = max(self.position, self._live.head)  # whatever was wanted would have woken it
        finally:
            self.waits = False

    def _from_memory(self, kept: Sequence[Kept], limit: int) -> list[EventLine] | None:
        """None when an event that is wanted lies in memory without its content."""
        found: list[EventLine] = []
        position, size = self.position, 0
        for each in kept:
            if self.wants(each):
                if len(found) == limit or size >= PAGE_BYTES:
                    break
                if each.data is None:
                    if not found:
                        return None
                    break
                found.append(EventLine(each.position, each.data))
                size += len(each.data)
            position = each.position
        self.position = position
        return found

    async def _from_log(self, limit: int) -> list[EventLine]:
        head = self._live.head
        page, more = await self._source.page(self._filter, self.position)
        found: list[EventLine] = []
        position, size = self.position, 0
        for stored in page:
            if stored.position > head:
                more = False
                break
            if not self.query.type or stored.type == self.query.type:
                if len(found) == limit or size >= PAGE_BYTES:
                    more = True
                    break
                found.append(EventLine(stored.position, encoded(await self._source.opened(stored))))
                size += len(found[-1].data)
            position = stored.position
        self.position = position if more else max(position, head)
        return found


def encoded(recorded: Recorded[Any]) -> bytes:
    """The event with its envelope as one line of JSON."""
    return orjson.dumps(as_json(recorded))
