"""Has this command been handled, and what did it write? What makes an idempotency key hold across restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from infra.sql.dialect import Micros, key, upsert
from projections.projector import Change, Project, ReadModel

UNKEYED_KIND = "step"
"""Streams of this kind hold workers' outcomes: many, and no caller ever chose their command's id."""


@dataclass(frozen=True)
class Handled:
    """A command that wrote something: the position of its last event, its body's digest, and who issued it."""

    position: int
    digest: str
    actor: str


def columns() -> list[SchemaItem]:
    """One row per command id."""
    return [
        Column("command_id", key(128), primary_key=True),
        Column("position", Micros, nullable=False),
        Column("digest", key(128), nullable=False),
        Column("actor", key(128), nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """Every event names its command; the last one seen gives the position."""
    seen = upsert(table, ["command_id"], ["position"])

    def any_event(recorded: Recorded[Any]) -> Iterable[Change]:
        meta = recorded.meta
        if recorded.stream.kind == UNKEYED_KIND or not meta.command_id:
            return ()
        row = {
            "command_id": meta.command_id,
            "position": recorded.position,
            "digest": meta.command_digest,
            "actor": meta.actor,
        }
        return ((seen, row),)

    return {Event: any_event}


COMMANDS = ReadModel(name="commands", version=1, columns=columns, projector=projector, of_space=None)


def find_command(conn: Connection, command_id: str) -> Handled | None:
    """What a command id is known for, None when no event carries it."""
    t = COMMANDS.live(conn)
    row = conn.execute(select(t.c.position, t.c.digest, t.c.actor).where(t.c.command_id == command_id)).one_or_none()
    return Handled(row.position, row.digest, row.actor) if row else None
