"""The port of the event log, as the command handler and the read side see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from events.event import Event, Metadata, Recorded, Stream

S = TypeVar("S")


class Conflict(Exception):
    """Somebody appended to one of the streams first; nothing of this append was stored."""


class Unknown(Exception):
    """The append timed out: it is neither known to have happened nor known not to have. Ask by command id."""


class LogUnavailable(Exception):
    """The log cannot be written or read now; nothing was stored. The text says why."""


class NoRoom(LogUnavailable):
    """The disk has no room for another event; nothing was stored, reading goes on. The text says how much is left."""


class LossNoticed(LogUnavailable):
    """The log is not the one that was written: writing has stopped, the text names the gap and what to do."""


class UnknownEvent(Exception):
    """A stream holds an event type or version that this process does not know: commands on it are refused."""


class BeyondEnd(ValueError):
    """A position was named that the log has not come to yet; the text says where it ends."""


class Damaged(Exception):
    """A stored event does not carry the hash that its content gives; names stream and position."""


@dataclass(frozen=True)
class Tail:
    """Where a stream ends: last version and position, and the hash that the next event chains to. 0, 0, "" = empty."""

    version: int = 0
    position: int = 0
    hash: str = ""


@dataclass(frozen=True)
class Append:
    """Events for one stream, in order."""

    stream: Stream
    events: Sequence[Event]


@dataclass(frozen=True)
class Issue:
    """One command's part of a group: its appends, the tails they rest on, and its metadata."""

    appends: Sequence[Append]
    tails: Mapping[str, Tail]
    meta: Metadata


@dataclass(frozen=True)
class Seen:
    """A command id found in a stream: a position of one of its events, and its body's digest."""

    position: int
    digest: str


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """A folded state with the tails of its streams (by ``str(stream)``) and the command ids last seen there."""

    state: S
    tails: Mapping[str, Tail]
    commands: Mapping[str, Seen] = field(default_factory=dict)
    cached: bool = False


LastOnly = bool | frozenset[str]
"""Of which streams only the last event is folded: all, none, or those whose kind is named."""


def last_alone(last_only: LastOnly, stream: Stream) -> bool:
    """Whether of this stream only the last event is folded."""
    return last_only if isinstance(last_only, bool) else stream.kind in last_only


class EventLog(Protocol):
    """An append-only log of streams with one global order of positions."""

    async def load(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        last_only: LastOnly = False,
        fresh: bool = False,
    ) -> Loaded[S]:
        """Folds the streams in the order given. ``fresh`` looks at the log even when a state is cached."""
        ...

    async def append(self, appends: Sequence[Append], tails: Mapping[str, Tail], meta: Metadata) -> list[Recorded[Any]]:
        """All or none, durable when it returns. Raises Conflict, Unknown or LogUnavailable."""
        ...

    async def append_group(self, issues: Sequence[Issue]) -> list[list[Recorded[Any]] | Conflict]:
        """Several commands' appends to distinct streams as one atomic batch; refused, one by one."""
        ...

    async def by_command(self, command_id: str, position: int) -> list[Recorded[Any]]:
        """Every event of the command that wrote ``position``, in order."""
        ...

    async def as_of(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        position: int | None = None,
        time: datetime | None = None,
    ) -> Loaded[S]:
        """The state as it stood at a position or time (inclusive). A batch is never cut."""
        ...

    async def whole(self, position: int | None = None, time: datetime | None = None) -> int:
        """The last position at or before the bound that cuts no batch; raises BeyondEnd for one not there yet."""
        ...

    def history(self, filter: str, until: int) -> AsyncIterator[list[Recorded[Any]]]:
        """The events below a subject up to and including a position, in log order, page by page."""
        ...

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        """Up to ``limit`` events with positions > ``after`` in log order; ``filter`` is a subject below the space."""
        ...

    async def end(self) -> int:
        """The position of the last event, 0 when empty."""
        ...
