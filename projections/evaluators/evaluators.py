"""Which evaluators a space has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    select,
)
from sqlalchemy.schema import SchemaItem

from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from events.event import Event, Recorded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros, number_of, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row an evaluator, kept after its deletion (``deleted_at`` > 0). Times in microseconds, 0 = never.

    ``draft_revision`` is the draft that the latest version took: a newer one is not submitted yet.
    """
    return [
        Column("evaluator_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("evaluator_type", Integer, nullable=False),
        Column("name", sql.key(64), nullable=False),
        Column("name_folded", sql.LongText, nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("latest_version", sql.key(128), nullable=False),
        Column("latest_version_id", sql.Id, nullable=False),
        Column("draft_revision", BigInteger, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Column("deleted_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "deleted_at", "updated_at"),
        Index("by_name", "name", "space_id"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of an evaluator changes."""
    keys, touch = ["evaluator_id"], ["updated_by", "updated_at"]
    create = sql.upsert(table, keys, ())
    rename = sql.change(table, keys, ["name", "name_folded", "description", *touch])
    submit = sql.change(table, keys, ["latest_version", "latest_version_id", "draft_revision", *touch])
    delete = sql.change(table, keys, ["deleted_at"])

    def touched(r: Recorded[Any]) -> dict[str, Any]:
        at = micros(r.meta.occurred_at)
        return {"k_evaluator_id": r.event.evaluator_id, "updated_by": r.meta.actor, "updated_at": at}

    def created(r: Recorded[EvaluatorCreated]) -> list[Change]:
        event, at, name = r.event, micros(r.meta.occurred_at), text_of(r.event.name)
        row = {
            "evaluator_id": event.evaluator_id,
            "space_id": r.stream.space,
            "evaluator_type": event.evaluator_type,
            "name": name,
            "name_folded": name.casefold(),
            "description": text_of(event.description),
            "latest_version": "",
            "latest_version_id": "",
            "draft_revision": 0,
            "created_by": r.meta.actor,
            "created_at": at,
            "updated_by": r.meta.actor,
            "updated_at": at,
            "deleted_at": 0,
        }
        return [(create, row)]

    def renamed(r: Recorded[EvaluatorRenamed]) -> list[Change]:
        name = text_of(r.event.name)
        named = {"name": name, "name_folded": name.casefold(), "description": text_of(r.event.description)}
        return [(rename, touched(r) | named)]

    def submitted(r: Recorded[EvaluatorVersionSubmitted]) -> list[Change]:
        event = r.event
        latest = {
            "latest_version": event.version,
            "latest_version_id": event.version_id,
            "draft_revision": event.draft_revision,
        }
        return [(submit, touched(r) | latest)]

    def deleted(r: Recorded[EvaluatorDeleted]) -> list[Change]:
        return [(delete, {"k_evaluator_id": r.event.evaluator_id, "deleted_at": micros(r.meta.occurred_at)})]

    return {
        EvaluatorCreated: created,
        EvaluatorRenamed: renamed,
        EvaluatorVersionSubmitted: submitted,
        EvaluatorDeleted: deleted,
    }


EVALUATORS = ReadModel("evaluators", 1, columns, projector)


@dataclass(frozen=True)
class EvaluatorFilter:
    """What a list is narrowed to; ``name`` is looked for in the name, without case."""

    space_id: str
    name: str = ""
    created_by: Sequence[str] = ()
    types: Sequence[int] = ()


def get_evaluators(conn: Connection, ids: Sequence[str], include_deleted: bool = False) -> list[Row]:
    """Those of the evaluators that exist, in the order of the ids."""
    t = EVALUATORS.live(conn)
    query = select(t).where(t.c.evaluator_id.in_(list(ids)))
    if not include_deleted:
        query = query.where(t.c.deleted_at == 0)
    found = {row["evaluator_id"]: row for row in conn.execute(query).mappings()}
    return [found[i] for i in dict.fromkeys(ids) if i in found]


def list_evaluators(
    conn: Connection, wanted: EvaluatorFilter, order: Sequence[tuple[str, bool]], page: int, size: int
) -> tuple[list[Row], int]:
    """Page ``page`` (from 1; size 0 = all) of the evaluators wanted and their number.

    ``order`` is pairs of column (created_at, updated_at, name) and whether it ascends.
    """
    t = EVALUATORS.live(conn)
    where = [t.c.space_id == wanted.space_id, t.c.deleted_at == 0]
    if wanted.name:
        where.append(sql.contains(t.c.name_folded, wanted.name.casefold()))
    if wanted.created_by:
        where.append(t.c.created_by.in_(list(wanted.created_by)))
    if wanted.types:
        where.append(t.c.evaluator_type.in_(list(wanted.types)))
    total = number_of(conn, t, where)
    query = select(t).where(*where)
    query = query.order_by(*((t.c[c].asc() if up else t.c[c].desc()) for c, up in order), t.c.evaluator_id.desc())
    if size:
        query = query.limit(size).offset((page - 1) * size)
    return list(conn.execute(query).mappings()), total


def evaluator_named(conn: Connection, space_id: str, name: str) -> str:
    """The id of the evaluator that has the name now, empty when it is free."""
    t = EVALUATORS.live(conn)
    found = conn.execute(
        select(t.c.evaluator_id).where(t.c.name == name, t.c.space_id == space_id, t.c.deleted_at == 0)
    )
    return found.scalar() or ""
