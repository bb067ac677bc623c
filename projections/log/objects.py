"""Which space does this object belong to? Answered from the object's own first event, never from a request.

An object's space never changes, so a row is written once and stays, also when the object is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from infra.sql.dialect import Id, Micros, key, upsert
from projections.projector import Change, Project, ReadModel


def columns() -> list[SchemaItem]:
    """One row per object; ``position`` is that of its first event."""
    return [
        Column("capability", key(64), primary_key=True),
        Column("id", key(128), primary_key=True),
        Column("space_id", Id, nullable=False),
        Column("position", Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The first event of each object's own stream; streams of a kind belong to an object that has one."""
    known = upsert(table, ["capability", "id"])

    def first_event(recorded: Recorded[Any]) -> Iterable[Change]:
        stream = recorded.stream
        if recorded.version != 1 or stream.kind:
            return ()
        row = {
            "capability": stream.capability,
            "id": stream.id,
            "space_id": stream.space,
            "position": recorded.position,
        }
        return ((known, row),)

    return {Event: first_event}


OBJECTS = ReadModel(name="objects", version=1, columns=columns, projector=projector, of_space=None)


def space_of(conn: Connection, capability: str, id: str) -> str | None:
    """The space of an object, None for one that never was; ``_`` for what belongs to no space."""
    t = OBJECTS.live(conn)
    found: str | None = conn.scalar(select(t.c.space_id).where(t.c.capability == capability, t.c.id == id))
    return found


def position_of(conn: Connection, capability: str, id: str) -> int | None:
    """Where the object's first event lies in the log, None for one that never was."""
    t = OBJECTS.live(conn)
    found: int | None = conn.scalar(select(t.c.position).where(t.c.capability == capability, t.c.id == id))
    return found
