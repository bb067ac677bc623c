"""Who may enter which space: asked before every other answer."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, Connection, Index, Table, and_, func, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.spaces import MemberAdded, SpaceKeyDestroyed
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros


def columns() -> list[SchemaItem]:
    """One row a space and member; times in microseconds, ``erased_at`` 0 while the space's key exists."""
    return [
        Column("space_id", sql.Id, primary_key=True),
        Column("user_id", sql.Id, primary_key=True),
        Column("role", sql.key(16), nullable=False),
        Column("joined_at", sql.Micros, nullable=False),
        Column("erased_at", sql.Micros, nullable=False),
        Index("by_user", "user_id", "joined_at"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a membership changes."""
    add = sql.upsert(table, ["space_id", "user_id"], ["role"])
    end = sql.change(table, ["space_id"], ["erased_at"])

    def added(r: Recorded[MemberAdded]) -> list[Change]:
        return [(add, r.event.model_dump() | {"joined_at": micros(r.meta.occurred_at), "erased_at": 0})]

    def erased(r: Recorded[SpaceKeyDestroyed]) -> list[Change]:
        return [(end, {"k_space_id": r.event.space_id, "erased_at": micros(r.meta.occurred_at)})]

    return {MemberAdded: added, SpaceKeyDestroyed: erased}


MEMBERS = ReadModel("members", 2, columns, projector, of_space=None)


def is_member(conn: Connection, space_id: str, user_id: str) -> bool:
    """Whether the user may enter the space."""
    t = MEMBERS.live(conn)
    found = select(t.c.role).where(t.c.space_id == space_id, t.c.user_id == user_id, t.c.erased_at == 0)
    return conn.execute(found).first() is not None


def was_member(conn: Connection, space_id: str, user_id: str) -> bool:
    """Whether the user might enter the space until its content was erased."""
    t = MEMBERS.live(conn)
    found = select(t.c.role).where(t.c.space_id == space_id, t.c.user_id == user_id, t.c.erased_at > 0)
    return conn.execute(found).first() is not None


def erased_spaces(conn: Connection) -> list[str]:
    """The spaces whose key was destroyed."""
    t = MEMBERS.live(conn)
    return list(conn.execute(select(t.c.space_id).where(t.c.erased_at > 0).distinct()).scalars())


def spaces_of(conn: Connection, user_id: str, page: int, size: int) -> tuple[list[str], int]:
    """Page ``page`` (from 1) of the ids of the spaces that the user may enter, oldest first, and their number."""
    t = MEMBERS.live(conn)
    mine = and_(t.c.user_id == user_id, t.c.erased_at == 0)
    ids = select(t.c.space_id).where(mine).order_by(t.c.joined_at, t.c.space_id)
    total = conn.execute(select(func.count()).select_from(t).where(mine)).scalar_one()
    return list(conn.execute(ids.limit(size).offset((page - 1) * size)).scalars()), total


def is_owner(conn: Connection, space_id: str, user_id: str) -> bool:
    """Whether the user owns the space."""
    t = MEMBERS.live(conn)
    found = select(t.c.role).where(t.c.space_id == space_id, t.c.user_id == user_id, t.c.erased_at == 0)
    return conn.scalar(found) == "owner"
