"""Which spaces there are and whose they are. A space's name is personal: it is put in when answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.spaces import SpaceCreated
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a space; times in microseconds."""
    return [
        Column("space_id", sql.Id, primary_key=True),
        Column("space_type", sql.key(16), nullable=False),
        Column("owner", sql.Id, nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a space changes."""
    create = sql.upsert(table, ["space_id"], ())

    def created(r: Recorded[SpaceCreated]) -> list[Change]:
        at = micros(r.meta.occurred_at)
        return [(create, r.event.model_dump() | {"created_at": at, "updated_at": at})]

    return {SpaceCreated: created}


SPACES = ReadModel("spaces", 1, columns, projector, of_space=None)


def get_space(conn: Connection, space_id: str) -> Row | None:
    """The space, None when there is none."""
    t = SPACES.live(conn)
    return conn.execute(select(t).where(t.c.space_id == space_id)).mappings().first()


def get_spaces(conn: Connection, space_ids: Sequence[str]) -> dict[str, Row]:
    """Those of the spaces that exist, by id."""
    t = SPACES.live(conn)
    rows = conn.execute(select(t).where(t.c.space_id.in_(list(space_ids)))).mappings()
    return {row["space_id"]: row for row in rows}
