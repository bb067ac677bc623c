"""All read models of one relational database, fed from one ordered log.

Every model that runs stands at the same position, and a batch moves them together with their rows in one transaction:
the position is compared and set, so a second runner on the same database loses and starts again behind the first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cozeloop.projecting.batches import write_batch
from cozeloop.projecting.building import CHUNK, Building, ReadsAll
from cozeloop.projecting.folding import Fold, Folded
from cozeloop.projecting.opening import Opened, look_around
from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.tables import (
    Parked,
    Standing,
    advance,
    forget_parked,
    forget_versions,
    generation_of,
    holds_token,
    parked,
    put_standing,
    standings,
    switch_live,
    table_name,
)
from cozeloop.projecting.unparking import parked_events, unpark
from events.event import Recorded
from infra.eventstore.guard import Stand
from infra.sql.database import SqlDatabase
from infra.sql.dialect import drop_tables
from projections.projector import ReadModel

logger = logging.getLogger("cozeloop.projecting")


class Fenced(Exception):
    """Another runner has moved this database's position; nothing of the batch was written. Open again."""


class ForeignLog(Exception):
    """The read models were folded from another log than this one."""


class Halted(Exception):
    """No read model goes on: each one is stopped. Replay them after the fix."""


class Projection:
    """Applies, replays and tells how far it is. `open` comes first; one at a time in a process."""

    def __init__(
        self,
        database: SqlDatabase,
        models: Sequence[ReadModel],
        log: ReadsAll,
        positions: ModelPositions | None = None,
        log_id: str = "",
    ) -> None:
        self.position = 0
        self.positions = positions or ModelPositions()
        self.stopped: dict[str, str] = {}
        """Read model -> why it goes no further."""
        self._database = database
        self._models = {model.name: model for model in models}
        self._log = log
        self._log_id = log_id
        self._hash = ""
        self._token = 0
        self._folds: dict[str, Fold] = {}
        self._turn = asyncio.Lock()
        self._replaying = asyncio.Lock()

    async def open(self) -> int:
        """Makes every table current and returns the position to consume after.

        A model whose version has risen, whose table is missing or which stands behind the others is built anew from
        the log here. Raises ForeignLog.
        """
        async with self._turn:
            opened = await self._database.write(look_around, self._models)
            self._token = opened.token
            self._check_log(opened)
            running = [s for s in opened.current.values() if not s.stopped] or list(opened.current.values())
            ahead = max(running, key=lambda s: s.position, default=None)
            self.position, self._hash = (ahead.position, ahead.hash) if ahead else (0, "")
            self._folds = {
                name: Fold(self._models[name], standing.live_table, opened.parked[name])
                for name, standing in opened.current.items()
                if standing.stopped or standing.position == self.position
            }
            self.stopped = {name: s.stopped for name, s in opened.current.items() if s.stopped}
            missing = [m for name, m in self._models.items() if name not in self._folds]
            if missing:
                await self._build_missing(missing, opened)
            for name, reason in self.stopped.items():
                logger.error("read model %s is stopped: %s", name, reason)
            self._database.switch({name: fold.table for name, fold in self._folds.items()})
            self._post()
            for name, standing in opened.current.items():
                if name in self.stopped:
                    self.positions.post([name], standing.position)
            return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Rows and position in one transaction; events that were applied before are passed over.

        The batch rises without a hole, which the feed sees to. Raises Fenced, Halted, and what the database raises.
        """
        async with self._turn:
            news = [r for r in batch if r.position > self.position]
            if not news:
                return
            folds = [fold for name, fold in self._folds.items() if name not in self.stopped]
            if not folds and self._models:
                raise Halted("every read model is stopped: " + "; ".join(self.stopped.values()))
            last, names = news[-1], [fold.model.name for fold in folds]

            def fence(conn: Connection) -> None:
                if advance(conn, names, self.position, last.position, last.hash) != len(names):
                    raise Fenced(f"another runner has moved the read models on from {self.position}")

            stopping = await write_batch(self._database, folds, news, fence)
            self.position, self._hash = last.position, last.hash
            self._post({fold.model.name for fold in folds if not fold.changed})
            self.stopped.update(stopping)
            for name, reason in stopping.items():
                logger.error("read model %s stops at %d: %s", name, self.position, reason)

    async def replay(self, models: Sequence[ReadModel]) -> AsyncIterator[Mapping[str, Any]]:
        """Builds the models anew beside their live tables in one pass over the log, then switches them together.

        Yields ``{"read_model", "done", "total", "state"}`` (positions; ``building``, then ``switched`` or, when more
        than 100 streams would be parked, ``stopped`` with a ``reason``: the live table then stays). Queries and the
        feed go on meanwhile.
        """
        async with self._replaying:
            names = [m.name for m in models]
            old = {name: self._folds[name].table.name for name in names}
            folds = [Fold(m, table_name(m, generation_of(old[m.name]) + 1)) for m in models]
            building = Building(self._database, self._log, folds, self._own)
            await building.begin()
            while building.position == 0 < self.position or self.position - building.position > CHUNK:
                async for done in building.catch_up(self.position):
                    for name in names:
                        yield {"read_model": name, "done": done, "total": self.position, "state": "building"}
            async with self._turn:
                async for _ in building.catch_up(self.position):
                    pass
                fresh = [f for f in folds if f.model.name not in building.stopped]
                await self._switch(fresh, old)
            dropped = [old[f.model.name] if f in fresh else f.table.name for f in folds]
            await self._database.write(_drop, dropped)
            total = self.position
            for name in names:
                end = {"read_model": name, "done": total, "total": total}
                reason = building.stopped.get(name)
                yield {**end, "state": "stopped", "reason": reason} if reason else {**end, "state": "switched"}

    async def replay_parked(self, models: Sequence[ReadModel]) -> AsyncIterator[Mapping[str, Any]]:
        """Applies to the live tables what these models parked, stream by stream; the feed goes on in between.

        Yields ``{"read_model", "stream", "events", "state"}``: ``applied``, or ``parked`` with a ``reason`` when an
        event still cannot be taken. Of a model that is stopped ``{"read_model", "state": "stopped", "reason"}``: it has
        to be replayed whole.
        """
        async with self._replaying:
            for name in (m.name for m in models):
                if reason := self.stopped.get(name):
                    yield {"read_model": name, "state": "stopped", "reason": f"replay it whole: {reason}"}
                    continue
                for each in [p for p in await self._database.read(parked) if p.model == name]:
                    folded = await self._unpark(name, each)
                    end = {"read_model": name, "stream": each.stream, "events": each.events}
                    error = folded.notes[0]["error"] if folded.notes else ""
                    yield {**end, "state": "parked", "reason": error} if error else {**end, "state": "applied"}

    async def _unpark(self, name: str, each: Parked) -> Folded:
        async with self._turn:
            events = await parked_events(self._log, each.stream, each.position, self.position)

            def fence(conn: Connection) -> None:
                if advance(conn, [name], self.position, self.position, self._hash) != 1:
                    raise Fenced(f"another runner has moved the read models on from {self.position}")

            folded = await unpark(self._database, self._folds[name], each.stream, events, fence)
            self._post()
            return folded

    async def lag(self) -> dict[str, int]:
        """Read model -> how many positions it stands behind the log's end."""
        end = await self._log.end()
        return {name: max(0, end - self.positions.of(name)) for name in self._models}

    async def stands(self) -> list[Stand]:
        """What this database remembers of the log, read anew: a witness for the log's guard."""
        found = await self._database.read(standings, create=False)
        return [Stand(f"read model {s.name}", s.log_id, s.position, s.hash) for s in found.values()]

    async def reset(self) -> None:
        """Forgets every position: the next `open` builds each model from the log's beginning."""
        async with self._turn:
            await self._database.write(forget_versions, list(self._models))

    async def _build_missing(self, missing: Sequence[ReadModel], opened: Opened) -> None:
        logger.info("building %s up to %d", ", ".join(m.name for m in missing), self.position)
        folds = [Fold(m, table_name(m, opened.next_generation[m.name])) for m in missing]
        building = Building(self._database, self._log, folds, self._own)
        await building.begin()
        async for _ in building.catch_up(self.position):
            pass
        stands = [self._standing(f, building.stopped) for f in folds]

        def put(conn: Connection) -> None:
            self._own(conn)
            put_standing(conn, stands)

        await self._database.write(put)
        self._folds.update({f.model.name: f for f in folds})
        self.stopped.update(building.stopped)
        leftover = [s.live_table for name, s in opened.known.items() if name in {m.name for m in missing}]
        await self._database.write(_drop, [t for t in leftover if t not in {f.table.name for f in folds}])

    async def _switch(self, folds: Sequence[Fold], old: Mapping[str, str]) -> None:
        def move(conn: Connection) -> None:
            self._own(conn)
            for fold in folds:
                name = fold.model.name
                if switch_live(conn, old[name], self.positions.of(name), self._standing(fold)) != 1:
                    raise Fenced(f"another runner has moved or switched {name}")

        await self._database.write(move)
        self._database.switch({fold.model.name: fold.table for fold in folds})
        self._folds.update({fold.model.name: fold for fold in folds})
        for fold in folds:
            self.stopped.pop(fold.model.name, None)
        self._post()

    def _standing(self, fold: Fold, stopped: Mapping[str, str] | None = None) -> Standing:
        name = fold.model.name
        reason = (stopped or {}).get(name, "")
        return Standing(
            name, fold.table.name, fold.model.version, self.position, self._log_id, self._hash, stopped=reason
        )

    def _own(self, conn: Connection) -> None:
        """A zombie that built while it was paused must not touch what another runner has built since."""
        if not holds_token(conn, self._token):
            raise Fenced("another runner has opened the read models since")

    def _check_log(self, opened: Opened) -> None:
        for standing in opened.known.values():
            if self._log_id and standing.log_id and standing.log_id != self._log_id:
                raise ForeignLog(f"{standing.name} was folded from log {standing.log_id}, this is log {self._log_id}")

    def _post(self, unchanged: Container[str] = ()) -> None:
        self.positions.post([name for name in self._folds if name not in self.stopped], self.position, unchanged)


def _drop(conn: Connection, names: Sequence[str]) -> None:
    drop_tables(conn, names)
    forget_parked(conn, names)
