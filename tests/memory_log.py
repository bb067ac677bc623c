"""An event log in memory that keeps the port's promises: positions, expectations, all or none, bounds, batches.

Events go through JSON on their way in, so that what a test reads back is what a log could have held. It is never
cached and never slow; ``fail_next`` makes the next append end as a test wants (`Conflict`, `Unknown`, …) before
anything is stored, and ``lose_next_answer`` stores it and then says `Unknown`.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from events.event import Event, Metadata, Recorded, Stream
from infra.eventstore.log import Append, BeyondEnd, Conflict, Issue, LastOnly, Loaded, Seen, Tail, Unknown, last_alone

S = TypeVar("S")


class MemoryLog:
    """The port `infra.eventstore.log.EventLog` over a list. ``applied`` is called with each append's events."""

    def __init__(self, applied: Callable[[Sequence[Recorded[Any]]], None] = lambda _: None) -> None:
        self.recorded: list[Recorded[Any]] = []
        self.fail_next: Exception | None = None
        self.lose_next_answer = False
        self._applied = applied
        self._streams: dict[str, list[Recorded[Any]]] = {}

    async def load(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        last_only: LastOnly = False,
        fresh: bool = False,
    ) -> Loaded[S]:
        """Folds the streams in the order given."""
        return self._folded(streams, initial, evolve, lambda r: True, last_only)

    async def as_of(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        position: int | None = None,
        time: datetime | None = None,
    ) -> Loaded[S]:
        """What stood at the bound; a command's events count when its last one does."""
        last = {r.meta.command_id: r for r in self.recorded}

        def within(recorded: Recorded[Any]) -> bool:
            end = last[recorded.meta.command_id]
            at = end.recorded_at
            return (position is None or end.position <= position) and (time is None or at is None or at <= time)

        return self._folded(streams, initial, evolve, within, False)

    async def append(self, appends: Sequence[Append], tails: Mapping[str, Tail], meta: Metadata) -> list[Recorded[Any]]:
        """All or none."""
        failure, self.fail_next = self.fail_next, None
        if failure is not None:
            raise failure
        for each in appends:
            if self._tail(each.stream) != tails.get(each.stream.name, Tail()):
                raise Conflict(f"{each.stream} has moved")
        made = [self._record(each.stream, event, meta) for each in appends for event in each.events]
        self._applied(made)
        if self.lose_next_answer:
            self.lose_next_answer = False
            raise Unknown("the answer was lost")
        return [replace(r, recorded_at=None) for r in made]

    async def append_group(self, issues: Sequence[Issue]) -> list[list[Recorded[Any]] | Conflict]:
        """Each by itself: in memory nothing is gained by doing more at once."""
        done: list[list[Recorded[Any]] | Conflict] = []
        for issue in issues:
            try:
                done.append(await self.append(issue.appends, issue.tails, issue.meta))
            except Conflict as conflict:
                done.append(conflict)
        return done

    async def by_command(self, command_id: str, position: int) -> list[Recorded[Any]]:
        """Every event of the command that wrote ``position``."""
        assert self.recorded[position - 1].meta.command_id == command_id
        return [r for r in self.recorded if r.meta.command_id == command_id]

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        """Up to ``limit`` events after a position whose stream fits the filter."""
        return [r for r in self.recorded[after:] if fits(filter, r.stream.name)][:limit]

    async def search(self, type: str, after: int, limit: int, filter: str = ">") -> tuple[list[Recorded[Any]], int]:
        """Of up to ``limit`` events after a position those of a type, and the last position that was looked at."""
        page = await self.read_all(after, limit, filter)
        return [r for r in page if not type or r.event.__class__.__name__ == type], page[-1].position if page else 0

    async def history(self, filter: str, until: int) -> AsyncIterator[list[Recorded[Any]]]:
        """The events whose stream fits the filter, in pages of three."""
        found = [r for r in self.recorded[:until] if fits(filter, r.stream.name)]
        for first in range(0, len(found), 3):
            yield found[first : first + 3]

    async def whole(self, position: int | None = None, time: datetime | None = None) -> int:
        """The last position at or before the bound at which no command is cut."""
        if position is not None and position > len(self.recorded):
            raise BeyondEnd(f"position {position} is beyond the log's end, {len(self.recorded)}")
        last = len(self.recorded) if position is None else position
        if time is not None:
            last = min(last, sum(1 for r in self.recorded if r.recorded_at is None or r.recorded_at <= time))
        commands = [r.meta.command_id for r in self.recorded]
        while last and commands[last - 1] in commands[last:]:
            last -= 1
        return last

    async def end(self) -> int:
        """The last position."""
        return len(self.recorded)

    def _folded(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        within: Callable[[Recorded[Any]], bool],
        last_only: LastOnly,
    ) -> Loaded[S]:
        state, tails, seen = initial, {}, {}
        for stream in streams:
            found = [r for r in self._streams.get(stream.name, ()) if within(r)]
            tails[stream.name] = tail_of(found)
            for recorded in found[-1:] if last_alone(last_only, stream) else found:
                state = evolve(state, recorded.event)
                seen[recorded.meta.command_id] = Seen(recorded.position, recorded.meta.command_digest)
        return Loaded(state, tails, seen)

    def _tail(self, stream: Stream) -> Tail:
        return tail_of(self._streams.get(stream.name, ()))

    def _record(self, stream: Stream, event: Event, meta: Metadata) -> Recorded[Any]:
        payload = orjson.dumps(event.model_dump(mode="json"))
        before, position = self._tail(stream), len(self.recorded) + 1
        hash = hashlib.sha256(f"{before.hash} {stream} {position} {type(event).__name__} ".encode() + payload)
        recorded: Recorded[Any] = Recorded(
            event=type(event).model_validate(orjson.loads(payload)),
            stream=stream,
            version=before.version + 1,
            position=position,
            id=f"{meta.command_id}-{position}",
            recorded_at=meta.occurred_at,
            meta=meta,
            hash=hash.hexdigest(),
        )
        self.recorded.append(recorded)
        self._streams.setdefault(stream.name, []).append(recorded)
        return recorded


def tail_of(found: Sequence[Recorded[Any]]) -> Tail:
    """Where a stream with these events ends."""
    return Tail(found[-1].version, found[-1].position, found[-1].hash) if found else Tail()


def fits(filter: str, name: str) -> bool:
    """Whether a stream's name fits a subject filter: ``*`` is one word, ``>`` at the end one or more."""
    wanted, words = filter.split("."), name.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(words) <= len(wanted):
            return False
        words = words[: len(wanted)]
    return len(wanted) == len(words) and all(w in ("*", t) for w, t in zip(wanted, words, strict=True))
