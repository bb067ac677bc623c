"""Which versions a dataset has: the content's revision, its digest, and the schema that each one names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Index, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.datasets import DatasetVersionCreated
from events.event import Event, Recorded
from infra.sql import dialect as sql
from projections.datasets.datasets import fields_of
from projections.projector import Change, Project, ReadModel
from projections.reading import micros, number_of, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a version, for ever. ``number`` counts from 1 within the dataset; times in microseconds."""
    return [
        Column("version_id", sql.Id, primary_key=True),
        Column("dataset_id", sql.Id, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("version", sql.key(128), nullable=False),
        Column("number", Integer, nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("item_count", BigInteger, nullable=False),
        Column("digest", sql.key(64), nullable=False),
        Column("schema_id", sql.Id, nullable=False),
        Column("fields", sql.JsonText, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Index("by_dataset", "dataset_id", "number"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """A row for each version created."""
    create = sql.upsert(table, ["version_id"], ())

    def created(r: Recorded[DatasetVersionCreated]) -> list[Change]:
        event = r.event
        row = {
            "version_id": event.version_id,
            "dataset_id": event.dataset_id,
            "space_id": r.stream.space,
            "version": event.version,
            "number": event.number,
            "description": text_of(event.description),
            "revision": event.revision,
            "item_count": event.item_count,
            "digest": event.digest,
            "schema_id": event.schema_id,
            "fields": fields_of(event.fields),
            "created_by": r.meta.actor,
            "created_at": micros(r.meta.occurred_at),
        }
        return [(create, row)]

    return {DatasetVersionCreated: created}


DATASET_VERSIONS = ReadModel("dataset_versions", 1, columns, projector)


def get_version(conn: Connection, version_id: str) -> Row | None:
    """A version, also of a dataset that is deleted."""
    t = DATASET_VERSIONS.live(conn)
    return conn.execute(select(t).where(t.c.version_id == version_id)).mappings().first()


def get_versions(conn: Connection, version_ids: Sequence[str]) -> list[Row]:
    """Those of the versions that exist, in the order of the ids."""
    t = DATASET_VERSIONS.live(conn)
    rows = conn.execute(select(t).where(t.c.version_id.in_(list(version_ids)))).mappings()
    found = {row["version_id"]: row for row in rows}
    return [found[i] for i in dict.fromkeys(version_ids) if i in found]


def list_versions(
    conn: Connection, dataset_id: str, like: str, size: int, offset: int = 0, before: int | None = None
) -> tuple[list[Row], int]:
    """``size`` versions, newest first, from ``offset`` (or before a number, which wins), and how many there are.

    ``like`` is looked for in the version's name.
    """
    t = DATASET_VERSIONS.live(conn)
    where: list[ColumnElement[bool]] = [t.c.dataset_id == dataset_id]
    if like:
        where.append(sql.contains(t.c.version, like))
    total = number_of(conn, t, where)
    if before is not None:
        where.append(t.c.number < before)
        offset = 0
    rows = conn.execute(select(t).where(*where).order_by(t.c.number.desc()).limit(size).offset(offset))
    return list(rows.mappings()), total
