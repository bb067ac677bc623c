"""States of streams: from the cache, from a copy and what came after it, or folded from the first event on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from events.event import Event, Stream
from infra.eventstore.as_of import within
from infra.eventstore.cache import Key, StateCache
from infra.eventstore.envelope import StoredRecord
from infra.eventstore.folding import Folded, fold
from infra.eventstore.log import Damaged, LastOnly, Loaded, Tail, last_alone
from infra.eventstore.mapper import EnvelopeMapper, check_link
from infra.eventstore.reading import Reader, subject_of
from infra.eventstore.sealing import Sealer
from infra.eventstore.snapshots import Snapshots

S = TypeVar("S")


@dataclass(frozen=True)
class Loader:
    """Loads from one log. Without ``snapshots`` what is not in the cache is folded from its first event on."""

    reader: Reader
    mapper: EnvelopeMapper
    sealer: Sealer
    cache: StateCache
    snapshots: Snapshots | None = None

    async def load(
        self, streams: Sequence[Stream], initial: S, evolve: Callable[[S, Event], S], last_only: LastOnly, fresh: bool
    ) -> Loaded[S]:
        """Folds the streams in order; a cached state is taken as it is unless ``fresh``, then only its news is read."""
        key = (evolve, last_only, tuple(s.name for s in streams))
        cached = self.cache.get(key)
        if cached is not None and not fresh:
            return cached
        if cached is None and self.snapshots is not None:
            copied = await self.snapshots.get(key, initial)
            if copied is not None:
                try:
                    await self._check_held(copied.tails)
                    return await self._folded(key, streams, initial, copied)
                except Damaged:
                    self.snapshots.drop(key)
        return await self._folded(key, streams, initial, cached)

    async def as_of(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        position: int | None,
        time: datetime | None,
    ) -> Loaded[S]:
        """The state at a position or recorded time, inclusive; an atomic batch is in as a whole or not at all."""
        folded = Folded(initial, Tail(), {})
        ends: dict[str, Tail] = {}
        for stream in streams:
            records = [await self.opened(r) for r in await within(self.reader, stream.name, position, time)]
            folded = fold(self.mapper, stream.name, records, replace(folded, tail=Tail()), evolve)
            ends[stream.name] = folded.tail
        return Loaded(folded.state, ends, folded.commands)

    async def opened(self, record: StoredRecord) -> StoredRecord:
        """The record with its sealed fields opened; raises UnknownEvent and Damaged."""
        return record.opened(await self.sealer.open(record, self.mapper.known(record)))

    async def _folded(self, key: Key, streams: Sequence[Stream], initial: S, known: Loaded[S] | None) -> Loaded[S]:
        """The state with everything that came after the one that is known; kept, and copied when that is worth it."""
        evolve, last_only, names = key
        tails = known.tails if known else {name: Tail() for name in names}
        news = await asyncio.gather(*(self._news(s.name, tails[s.name], last_alone(last_only, s)) for s in streams))
        state: Any = known.state if known else initial
        folded = Folded(state, Tail(), known.commands if known else {})
        ends: dict[str, Tail] = {}
        for name, records in zip(names, news, strict=True):
            folded = fold(self.mapper, name, records, replace(folded, tail=tails[name]), evolve)
            ends[name] = folded.tail
        loaded = Loaded(folded.state, ends, folded.commands)
        self.cache.put(key, loaded)
        if self.snapshots is not None:
            self.snapshots.consider(key, loaded, sum(map(len, news)))
        return loaded

    async def _news(self, name: str, tail: Tail, last_only: bool) -> list[StoredRecord]:
        """A stream's events after the tail, checked against its chain and opened."""
        subject = subject_of(name)
        if last_only or tail.position:
            last = await self.reader.last(subject)
            if last is None or last.position <= tail.position:
                return []
            if last_only:
                check_link(last, None)
                return [await self.opened(last)]
        found: list[StoredRecord] = []
        previous = tail.hash
        async for page in self.reader.pages(subject, tail.position + 1):
            for record in page:
                check_link(record, previous)
                previous = record.hash
                found.append(await self.opened(record))
        return found

    async def _check_held(self, tails: Mapping[str, Tail]) -> None:
        """Raises Damaged unless the log holds the events at which a copied state stands, as last ones or before."""
        ends = [(name, tail) for name, tail in tails.items() if tail.position]
        lasts = await asyncio.gather(*(self.reader.last(subject_of(name)) for name, _ in ends))
        for (name, tail), last in zip(ends, lasts, strict=True):
            gone = last is None or last.position < tail.position
            if gone or (last is not None and last.position == tail.position and last.hash != tail.hash):
                raise Damaged(f"stream {name} is not the one that was copied at {tail.position}")
