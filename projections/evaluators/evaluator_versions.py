"""Every submitted version of an evaluator with its whole content, for ever: what experiments pin and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Table, select
from sqlalchemy.schema import SchemaItem

from events.evaluators import EvaluatorVersionSubmitted
from events.event import Event, Recorded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import json_of, micros, number_of, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a version, by an id of its own. ``content`` is JSON; ``revision`` counts the evaluator's events."""
    return [
        Column("version_id", sql.Id, primary_key=True),
        Column("evaluator_id", sql.Id, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("version", sql.key(128), nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("content", sql.LongText, nullable=False),
        Column("digest", sql.key(64), nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Index("by_evaluator", "evaluator_id", "created_at"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """A submitted version is one row; nothing changes it afterwards."""
    submit = sql.upsert(table, ["version_id"], ())

    def submitted(r: Recorded[EvaluatorVersionSubmitted]) -> list[Change]:
        event = r.event
        row = {
            "version_id": event.version_id,
            "evaluator_id": event.evaluator_id,
            "space_id": r.stream.space,
            "version": event.version,
            "description": text_of(event.description),
            "content": json_of(event.content),
            "digest": event.digest,
            "revision": r.version,
            "position": r.position,
            "created_by": r.meta.actor,
            "created_at": micros(r.meta.occurred_at),
        }
        return [(submit, row)]

    return {EvaluatorVersionSubmitted: submitted}


EVALUATOR_VERSIONS = ReadModel("evaluator_versions", 1, columns, projector)


def get_evaluator_versions(conn: Connection, version_ids: Sequence[str]) -> list[Row]:
    """Those of the versions that exist, in the order of the ids; also of deleted evaluators."""
    t = EVALUATOR_VERSIONS.live(conn)
    rows = conn.execute(select(t).where(t.c.version_id.in_(list(version_ids)))).mappings()
    found = {row["version_id"]: row for row in rows}
    return [found[i] for i in dict.fromkeys(version_ids) if i in found]


def list_evaluator_versions(
    conn: Connection, evaluator_ids: Sequence[str], versions: Sequence[str], ascending: bool, page: int, size: int
) -> tuple[list[Row], int]:
    """Page ``page`` (from 1; size 0 = all) of the evaluators' versions by age, and their number."""
    t = EVALUATOR_VERSIONS.live(conn)
    where = [t.c.evaluator_id.in_(list(evaluator_ids))]
    if versions:
        where.append(t.c.version.in_(list(versions)))
    total = number_of(conn, t, where)
    query = select(t).where(*where).order_by(t.c.position.asc() if ascending else t.c.position.desc())
    if size:
        query = query.limit(size).offset((page - 1) * size)
    return list(conn.execute(query).mappings()), total


def find_evaluator_version(conn: Connection, evaluator_id: str, version: str) -> Row | None:
    """A version by its evaluator and name, as the console names it in experiments."""
    t = EVALUATOR_VERSIONS.live(conn)
    found = conn.execute(select(t).where(t.c.evaluator_id == evaluator_id, t.c.version == version))
    return found.mappings().first()
