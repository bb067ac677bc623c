"""A read model's table built from the log's beginning, beside the live one. Nobody reads it before the switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from cozeloop.projecting.batches import Fence, write_batch
from cozeloop.projecting.folding import Fold
from cozeloop.projecting.tables import forget_parked
from events.event import Recorded
from infra.eventstore.log import LossNoticed
from infra.gaps import Gaps
from infra.sql.database import Database
from infra.sql.dialect import create_anew

CHUNK = 1_000
"""Events in one transaction of a building."""


class ReadsAll(Protocol):
    """The log, as far as read models need it."""

    async def fetch(self, after: int, limit: int, filter: str = ">") -> Sequence[Any]:
        """Up to ``limit`` events after a position, in order, as they are stored."""
        ...

    async def decode(self, stored: Sequence[Any]) -> list[Recorded[Any]]:
        """What was fetched, checked and opened."""
        ...

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        """Both."""
        ...

    async def end(self) -> int:
        """The last position."""
        ...


class LogTooShort(LossNoticed):
    """The log ends before the position up to which read models were folded, or misses one; the text names it."""


class Building:
    """Tables under way. ``position`` is how far all of them have come, ``hash`` that event's.

    ``fence`` comes first in each transaction.
    """

    def __init__(self, database: Database, log: ReadsAll, folds: Sequence[Fold], fence: Fence) -> None:
        self.folds = list(folds)
        self.position = 0
        self.hash = ""
        self.stopped: dict[str, str] = {}
        self._database = database
        self._log = log
        self._fence = fence

    async def begin(self) -> None:
        """Empty tables; what an interrupted building left is dropped."""
        await self._database.write(_begin, self.folds, self._fence)

    async def catch_up(self, until: int) -> AsyncIterator[int]:
        """Folds up to and including ``until``, yielding the position after each chunk; fetches ahead while it writes.

        It decodes when the writer has done: both want the interpreter's lock, and handing it over costs more than it
        wins.
        """
        ahead = self._ahead(until)
        try:
            while ahead:
                batch = [r for r in await self._log.decode(await ahead) if r.position <= until]
                if not batch:
                    raise LogTooShort(f"the log holds nothing after {self.position}, wanted are events up to {until}")
                last = batch[-1]
                if last.position - self.position != len(batch):
                    self._check(batch)
                self.position, self.hash = last.position, last.hash
                ahead = self._ahead(until)
                await self._write(batch)
                yield last.position
        finally:
            if ahead:
                ahead.cancel()

    def _check(self, batch: Sequence[Recorded[Any]]) -> None:
        """Raises LogTooShort for a position that is missing and whose loss nobody accepted."""
        lost, before = getattr(self._log, "lost", Gaps()), self.position
        for recorded in batch:
            if recorded.position != before + 1 and not lost.hold(before + 1, recorded.position - 1):
                raise LogTooShort(f"position {before + 1} is missing from the log; run: cozeloop verify")
            before = recorded.position

    def _ahead(self, until: int) -> asyncio.Task[Sequence[Any]] | None:
        return asyncio.ensure_future(self._log.fetch(self.position, CHUNK)) if self.position < until else None

    async def _write(self, batch: Sequence[Recorded[Any]]) -> None:
        folds = [fold for fold in self.folds if fold.model.name not in self.stopped]
        self.stopped.update(await write_batch(self._database, folds, batch, self._fence, live=False))


def _begin(conn: Connection, folds: Sequence[Fold], fence: Fence) -> None:
    fence(conn)
    create_anew(conn, [fold.table for fold in folds])
    forget_parked(conn, [fold.table.name for fold in folds])
