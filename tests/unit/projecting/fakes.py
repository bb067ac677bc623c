"""Read models, events and a log for specifications of the runner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded, Stream
from infra.sql.dialect import Id, Micros, change, insert, key, remove, upsert
from projections.projector import Change, Project, ReadModel
from tests.projected import History


class Opened(Event):
    """An account exists."""

    owner: str


class Paid(Event):
    """Money came; the projector of `BALANCES` cannot take a negative sum."""

    sum: int


class Closed(Event):
    """The account is no more."""


def columns() -> list[SchemaItem]:
    """One row per account."""
    return [
        Column("id", Id, primary_key=True),
        Column("owner", key(128), nullable=False),
        Column("sum", Micros, nullable=False),
        Index("by_owner", "owner", "id"),
    ]


class WontCount(Exception):
    """What the projector raises for a negative sum."""


def balances(version: int = 1, name: str = "balances", refuses: bool = True) -> ReadModel:
    """The read model in a version; ``refuses``: with the defect that negative sums are not taken."""

    def projector(table: Table) -> Mapping[type[Event], Project]:
        open_, close = upsert(table, ["id"]), remove(table, ["id"])
        pay = change(table, ["id"], ["sum"])

        def opened(r: Recorded[Any]) -> Iterable[Change]:
            yield open_, {"id": r.stream.id, "owner": r.event.owner, "sum": version - 1}

        def paid(r: Recorded[Any]) -> Iterable[Change]:
            if r.event.sum < 0 and refuses:
                raise WontCount(f"{r.event.sum}")
            yield pay, {"k_id": r.stream.id, "sum": r.event.sum}

        def closed(r: Recorded[Any]) -> Iterable[Change]:
            yield close, {"k_id": r.stream.id}

        return {Opened: opened, Paid: paid, Closed: closed}

    return ReadModel(name, version, columns, projector, of_space=None)


def strict(name: str = "strict") -> ReadModel:
    """Inserts each account once: the database itself refuses a second one."""

    def projector(table: Table) -> Mapping[type[Event], Project]:
        statement = insert(table)
        return {Opened: lambda r: [(statement, {"id": r.stream.id, "owner": r.event.owner, "sum": 0})]}

    return ReadModel(name, 1, columns, projector, of_space=None)


class ListLog:
    """A log that is a history."""

    def __init__(self, history: History) -> None:
        self.history = history

    async def fetch(self, after: int, limit: int, filter: str = ">") -> Sequence[Recorded[Any]]:
        return [r for r in self.history.recorded[after:] if filter in (">", str(r.stream))][:limit]

    async def decode(self, stored: Sequence[Recorded[Any]]) -> list[Recorded[Any]]:
        return list(stored)

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        return await self.decode(await self.fetch(after, limit, filter))

    async def end(self) -> int:
        return len(self.history.recorded)


def account(id: str) -> Stream:
    """An account's stream."""
    return Stream("7", "accounts", id)


def rows_of(conn: Connection, model: ReadModel) -> list[tuple[Any, ...]]:
    """The live rows by id."""
    t = model.live(conn)
    return [tuple(r) for r in conn.execute(select(t).order_by(t.c.id))]
