"""The sans-I/O middle of a load: the library's Repository and EventStore over events that were read before.

`Prefetched` is an AggregateRecorder whose reads were awaited beforehand and whose writes are awaited afterwards, so
that the library's synchronous code stands between two awaits (228 µs for 20 events against 214 µs for a bare fold).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.application import Repository
from eventsourcing.persistence import AggregateRecorder, EventStore, StoredEvent

from events.event import Event
from infra.eventstore.cache import KEPT_COMMANDS
from infra.eventstore.envelope import StoredRecord
from infra.eventstore.log import Seen, Tail
from infra.eventstore.mapper import EnvelopeMapper, Sourced


class Prefetched(AggregateRecorder):
    """Holds what was read, and collects what is to be written."""

    def __init__(self, records: Sequence[StoredRecord] = ()) -> None:
        self._records = records
        self.written: list[StoredRecord] = []

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Collects; the append is awaited by the caller."""
        self.written.extend(e for e in stored_events if isinstance(e, StoredRecord))
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The records that were read; bounds were applied when they were."""
        return self._records


@dataclass(frozen=True)
class Folded:
    """A state after one stream, where that stream ends, and the commands seen in it."""

    state: Any
    tail: Tail
    commands: Mapping[str, Seen]


def fold(
    mapper: EnvelopeMapper,
    name: str,
    records: Sequence[StoredRecord],
    before: Folded,
    evolve: Callable[[Any, Event], Any],
) -> Folded:
    """Folds one stream's opened records onto a state."""
    if not records:
        return before

    def project(_: Folded | None, events: Iterable[Sourced]) -> Folded:
        state, commands, last = before.state, dict(before.commands), None
        for sourced in events:
            last = sourced.recorded
            state = evolve(state, last.event)
            commands[last.meta.command_id] = Seen(last.position, last.meta.command_digest)
            if len(commands) > KEPT_COMMANDS:
                del commands[next(iter(commands))]
        assert last is not None
        return Folded(state, Tail(last.version, last.position, last.hash), commands)

    repository: Repository[str] = Repository(EventStore(mapper, Prefetched(records)))
    return repository.get(name, projector_func=project)  # type: ignore[type-var]
