"""Who may enter which space: asked before every other answer."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, Connection, Index, Table, func, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.spaces import MemberAdded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros


def columns() -> list[SchemaItem]:
    """One row a space and member; ``joined_at`` in microseconds."""
    return [
        Column("space_id", sql.Id, primary_key=True),
        Column("user_id", sql.Id, primary_key=True),
        Column("role", sql.key(16), nullable=False),
        Column("joined_at", sql.Micros, nullable=False),
        Index("by_user", "user_id", "joined_at"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a membership changes."""
    add = sql.upsert(table, ["space_id", "user_id"], ["role"])

    def added(r: Recorded[MemberAdded]) -> list[Change]:
        return [(add, r.event.model_dump() | {"joined_at": micros(r.meta.occurred_at)})]

    return {MemberAdded: added}


MEMBERS = ReadModel("members", 1, columns, projector)


def is_member(conn: Connection, space_id: str, user_id: str) -> bool:
    """Whether the user may enter the space."""
    t = MEMBERS.live(conn)
    found = select(t.c.role).where(t.c.space_id == space_id, t.c.user_id == user_id)
    return conn.execute(found).first() is not None


def spaces_of(conn: Connection, user_id: str, page: int, size: int) -> tuple[list[str], int]:
    """Page ``page`` (from 1) of the ids of the spaces that the user may enter, oldest first, and their number."""
    t = MEMBERS.live(conn)
    mine = t.c.user_id == user_id
    ids = select(t.c.space_id).where(mine).order_by(t.c.joined_at, t.c.space_id)
    total = conn.execute(select(func.count()).select_from(t).where(mine)).scalar_one()
    return list(conn.execute(ids.limit(size).offset((page - 1) * size)).scalars()), total
