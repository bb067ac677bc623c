"""What must hold of every read model, whatever happened: checked on a history, capability by capability.

`grown_equals_rebuilt` and `nothing_is_left_half_done` raise AssertionError. The database is emptied first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count, pairwise, zip_longest
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from cozeloop.projecting import Projection
from cozeloop.projecting.tables import PARKED, standings
from events import EVENTS
from events.event import Event, Recorded
from infra.sql import open_database
from infra.sql.database import SqlDatabase
from infra.sql.dialect import drop_tables
from projections import READ_MODELS
from projections.projector import ReadModel
from tests.histories import capability_of

MAPPED = {model: set(model.projects(model.table("t"))) for model in READ_MODELS}
CAPABILITIES = sorted({capability_of(c) for c in EVENTS.values() if any(c in mapped for mapped in MAPPED.values())})
"""Those whose events a read model names."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def classes_of(capability: str) -> dict[str, type[Event]]:
    """The capability's events."""
    return {name: c for name, c in EVENTS.items() if capability_of(c) == capability}


def models_of(history: Sequence[Recorded[Any]]) -> list[ReadModel]:
    """The read models that such events touch."""
    happened = {Event, *(type(r.event) for r in history)}
    return [model for model, mapped in MAPPED.items() if mapped & happened]


class Killed(BaseException):
    """The process died here, as far as the database can tell."""


class HeldLog:
    """A log that holds exactly these events."""

    def __init__(self, history: Sequence[Recorded[Any]]) -> None:
        self._history = history

    async def fetch(self, after: int, limit: int, filter: str = ">") -> Sequence[Recorded[Any]]:
        return self._history[after : after + limit]

    async def decode(self, stored: Sequence[Recorded[Any]]) -> list[Recorded[Any]]:
        return list(stored)

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        return await self.decode(await self.fetch(after, limit, filter))

    async def end(self) -> int:
        return len(self._history)


async def grown_equals_rebuilt(
    database: SqlDatabase, history: Sequence[Recorded[Any]], cuts: Sequence[int], again: int
) -> None:
    """Batches cut anywhere, each with ``again`` events of the one before; then a replay of all; then SQLite's rows."""
    models = models_of(history)
    await empty(database)
    projection = Projection(database, models, HeldLog(history))
    await projection.open()
    edges = sorted({0, len(history), *(cut % len(history) for cut in cuts)})
    for begin, end in pairwise(edges):
        await projection.apply(history[max(0, begin - again) : end])
    grown = await rows(database, models)
    unfit = await parked(database)
    assert not unfit, f"not taken: {unfit!r}"
    async for _ in projection.replay(models):
        pass
    same(grown, await rows(database, models), "grown", "rebuilt")
    reference = open_database("sqlite://")
    try:
        whole = Projection(reference, models, HeldLog(history))
        await whole.open()
        await whole.apply(history)
        same(await rows(reference, models), grown, "on SQLite", "on this database")
    finally:
        await reference.close()


async def nothing_is_left_half_done(database: SqlDatabase, history: Sequence[Recorded[Any]], first: int) -> None:
    """A batch that dies at any of its statements, or before the commit, leaves rows and position as they were."""
    models = models_of(history)
    await empty(database)
    split = first % len(history)
    dying = Dying(database)
    projection = Projection(dying, models, HeldLog(history))
    await projection.open()
    await projection.apply(history[:split])
    before, stood = await rows(database, models), await database.read(standings)
    for step in count():
        dying.at = step
        try:
            await projection.apply(history[split:])
        except Killed:
            same(before, await rows(database, models), "before", f"after a death at statement {step}")
            assert await database.read(standings) == stood
            assert await projection.open() == split
        else:
            break
    assert step >= 2
    dying.at = None
    whole = await rows(database, models)
    async for _ in projection.replay(models):
        pass
    same(whole, await rows(database, models), "grown", "rebuilt")


def same(one: Rows, other: Rows, name: str, other_name: str) -> None:
    """Equal, or an AssertionError that shows the first rows that differ."""
    for model, expected in one.items():
        for left, right in zip_longest(expected, other[model]):
            assert left == right, f"{model}: {name} {left!r}, {other_name} {right!r}"


async def empty(database: SqlDatabase) -> None:
    """Drops every table."""

    def work(conn: Connection) -> None:
        drop_tables(conn, inspect(conn).get_table_names())

    await database.write(work)


async def rows(database: SqlDatabase, models: Sequence[ReadModel]) -> Rows:
    """Every live row of the read models, in the order of the keys."""

    def work(conn: Connection) -> Rows:
        found = {}
        for model in models:
            t = model.live(conn)
            found[model.name] = [dict(r._mapping) for r in conn.execute(select(t).order_by(*t.primary_key))]
        return found

    return await database.read(work)


async def parked(database: SqlDatabase) -> list[tuple[Any, ...]]:
    """What no table could take."""
    query = select(PARKED.c.model, PARKED.c.position, PARKED.c.error)
    return await database.read(lambda conn: [tuple(r) for r in conn.execute(query)])


class Dying:
    """A database whose next writes die at a statement: ``at`` = 0 for the first; past the last, before the commit."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self.at: int | None = None

    @property
    def live_tables(self) -> Mapping[str, Table]:
        return self._database.live_tables

    def switch(self, tables: Mapping[str, Table]) -> None:
        self._database.switch(tables)

    async def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._database.read(work, *args, **kwargs)

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.at is None:
            return await self._database.write(work, *args, **kwargs)
        left, self.at = self.at, None

        def dies(conn: Connection) -> Any:
            mortal = Mortal(conn, left)
            result = work(mortal, *args, **kwargs)
            if mortal.left == 0:
                raise Killed
            return result

        return await self._database.write(dies)

    async def close(self) -> None:
        await self._database.close()


class Mortal:
    """A connection that has only so many statements left."""

    def __init__(self, conn: Connection, left: int) -> None:
        self._conn = conn
        self.left = left

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        if not self.left:
            raise Killed
        self.left -= 1
        return self._conn.execute(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)
