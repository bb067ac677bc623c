"""What some objects were at a position of the log: their streams folded by today's projectors, for one question.

The same projectors, queries and handlers answer as for the live tables, so there is one source of truth. The work is
that of reading these objects' events, however long the log is besides; what is too much is refused, never cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import Connection

from commands.datasets.dataset import definition_stream, rows_stream
from commands.evaluators.evaluator import evaluator_stream
from commands.experiments import experiment
from commands.prompts.prompt import prompt_stream
from commands.reservations import evolve_held, reservation
from cozeloop.platform import Remembered, TooMuchToRecall
from cozeloop.projecting.folding import Fold, Folded, Unfit
from events.event import Erased, Recorded, Stream
from events.experiments import ExperimentSubmitted
from infra.eventstore.log import EventLog
from infra.sql.database import Database
from infra.sql.scratch import ScratchDatabases, ScratchFull
from projections.log.commands import COMMANDS
from projections.projector import ReadModel

STREAMS: Mapping[str, Callable[[str, str], Sequence[Stream]]] = {
    "prompts": lambda space, id: [prompt_stream(space, id)],
    "evaluators": lambda space, id: [evaluator_stream(space, id)],
    "datasets": lambda space, id: [definition_stream(space, id), rows_stream(space, id)],
    "experiments": lambda space, id: [experiment.stream(space, id)],
}
"""Where the events of an object lie, by capability."""
LINKING = frozenset({"experiments"})
"""Capabilities whose objects are shown with others: their own streams are read first."""


class Recall:
    """The port `cozeloop.platform.Past` on an event log."""

    def __init__(self, log: EventLog, models: Sequence[ReadModel], most_events: int, most_bytes: int) -> None:
        self._log = log
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._models = models

    @cached_property
    def _folds(self) -> list[Fold]:
        return [Fold(m, f"{m.name}_v{m.version}") for m in self._models if m is not COMMANDS]

    @cached_property
    def _scratch(self) -> ScratchDatabases:
        return ScratchDatabases({fold.model.name: fold.table for fold in self._folds}, self._most_bytes)

    async def position(self, position: int | None, time: Any = None) -> int:
        """The last position at or before the bound that cuts no batch; raises BeyondEnd."""
        return await self._log.whole(position, time)

    async def holder(self, space: str, kind: str, digest: str, until: int) -> str:
        """Whose a reserved name was, empty when it was free."""
        stream = reservation(space, kind, digest)
        held: Mapping[str, str] = {}
        async for page in self._log.history(stream.name, until):
            for recorded in page:
                held = evolve_held(held, recorded.event)
        return held.get(digest, "")

    @asynccontextmanager
    async def read_side(self, objects: Iterable[Remembered], until: int) -> AsyncIterator[Database]:
        """The read models of these objects, and of those that they are shown with, as of a position.

        Raises TooMuchToRecall.
        """
        filters = await self._filters(dict.fromkeys(objects), until)
        async with self._scratch.fresh() as database:
            folds = [copy(fold) for fold in self._folds]
            for fold in folds:
                fold.parked = set()
            count = 0
            try:
                async for batch in merged([self._log.history(name, until) for name in filters]):
                    count += len(batch)
                    if count > self._most_events:
                        raise TooMuchToRecall(f"more than {self._most_events} events would have to be folded")
                    await _write(database, folds, batch)
            except ScratchFull:
                raise TooMuchToRecall(f"what would have to be folded is more than {self._most_bytes} bytes") from None
            yield database

    async def close(self) -> None:
        """Gives the thread back."""
        await self._scratch.close()

    async def _filters(self, objects: Mapping[Remembered, None], until: int) -> list[str]:
        """The subjects to read, each once."""
        names: dict[str, None] = {}
        for space, capability, id in objects:
            streams = [s.name for s in STREAMS[capability](space, id)]
            names |= dict.fromkeys(streams)
            if capability in LINKING:
                async for page in self._log.history(streams[0], until):
                    for recorded in page:
                        names |= dict.fromkeys(linked(recorded))
        return list(names)


def linked(recorded: Recorded[Any]) -> Iterable[str]:
    """The subjects of what an event's object is shown with: what an experiment pinned, and its runs' outcomes."""
    event, space = recorded.event, recorded.stream.space
    if run_id := getattr(event, "run_id", ""):
        yield f"{space}.experiments.step.{run_id}.>"
    if isinstance(event, ExperimentSubmitted):
        pinned = [("datasets", event.dataset.id)]
        pinned += [("prompts", event.prompt.id)] if event.prompt else []
        pinned += [] if isinstance(event.evaluators, Erased) else [("evaluators", pin.id) for pin in event.evaluators]
        for capability, id in pinned:
            yield from (s.name for s in STREAMS[capability](space, id))


async def merged(sources: Sequence[AsyncIterator[list[Recorded[Any]]]]) -> AsyncIterator[list[Recorded[Any]]]:
    """The pages of several subjects as batches in the log's order, holding one page of each."""
    held: list[list[Recorded[Any]]] = [[] for _ in sources]
    open_ = set(range(len(sources)))
    while True:
        empty = [n for n in sorted(open_) if not held[n]]
        pages = await asyncio.gather(*(anext(sources[n], None) for n in empty))
        for n, page in zip(empty, pages, strict=True):
            if page is None:
                open_.discard(n)
            else:
                held[n] = page
        known = min((held[n][-1].position for n in open_), default=None)
        batch = [r for page in held for r in page if known is None or r.position <= known]
        if not batch:
            return
        held = [[r for r in page if known is not None and r.position > known] for page in held]
        yield sorted(batch, key=lambda r: r.position)


class _Write(Protocol):
    def __call__(self, fold: Fold, conn: Connection, batch: Sequence[Recorded[Any]]) -> Folded: ...


async def _write(database: Database, folds: Sequence[Fold], batch: Sequence[Recorded[Any]]) -> None:
    """A batch on every table; what a projector or the database cannot take parks its stream, as it does live."""

    def all_(conn: Connection, write: _Write) -> list[Folded]:
        return [write(fold, conn, batch) for fold in folds]

    try:
        outcome = await database.write(all_, Fold.write)
    except Unfit:
        outcome = await database.write(all_, Fold.write_carefully)
    for fold, folded in zip(folds, outcome, strict=True):
        fold.parked |= folded.parked
