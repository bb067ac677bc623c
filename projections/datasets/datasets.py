"""Which datasets a space has, what they follow now, and how many rows they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Index, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.datasets import (
    DatasetCleared,
    DatasetContentSchemaSet,
    DatasetCreated,
    DatasetDeleted,
    DatasetImportEnded,
    DatasetRenamed,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsImported,
    DatasetRowsRemoved,
    DatasetSchemaChanged,
    DatasetVersionCreated,
    DatasetVersionPinned,
    Field,
)
from events.event import Erased, Event, Recorded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import behind, directed, micros, number_of, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a dataset, kept after its deletion (``deleted_at`` > 0). Times in microseconds, 0 = never.

    ``revision`` is the content's; ``uncommitted`` says whether content or schema changed since the last version.
    """
    return [
        Column("dataset_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("category", sql.key(32), nullable=False),
        Column("name", sql.key(255), nullable=False),
        Column("name_folded", sql.LongText, nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("biz_category", sql.key(128), nullable=False),
        Column("schema_id", sql.Id, nullable=False),
        Column("schema_revision", Integer, nullable=False),
        Column("fields", sql.JsonText, nullable=False),
        Column("max_items", BigInteger, nullable=False),
        Column("max_fields", Integer, nullable=False),
        Column("max_item_bytes", BigInteger, nullable=False),
        Column("item_count", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("uncommitted", Integer, nullable=False),
        Column("latest_version", sql.key(128), nullable=False),
        Column("version_count", Integer, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Column("deleted_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "deleted_at", "updated_at", "dataset_id"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a dataset changes."""
    keys, touch = ["dataset_id"], ["updated_by", "updated_at"]
    create = sql.upsert(table, keys, ())
    rename = sql.change(table, keys, ["name", "name_folded", "description", *touch])
    reschema = sql.change(table, keys, ["schema_id", "schema_revision", "fields", "uncommitted", *touch])
    commit = sql.change(table, keys, ["latest_version", "version_count", "uncommitted", *touch])
    fill = sql.change(table, keys, ["item_count", "revision", "uncommitted", *touch])
    note = sql.change(table, keys, ["revision"])
    delete = sql.change(table, keys, ["deleted_at"])

    def touched(r: Recorded[Any]) -> dict[str, Any]:
        at = micros(r.meta.occurred_at)
        return {"k_dataset_id": r.event.dataset_id, "updated_by": r.meta.actor, "updated_at": at}

    def created(r: Recorded[DatasetCreated]) -> list[Change]:
        event, at, name = r.event, micros(r.meta.occurred_at), text_of(r.event.name)
        row = {
            "dataset_id": event.dataset_id,
            "space_id": r.stream.space,
            "category": event.category,
            "name": name,
            "name_folded": name.casefold(),
            "description": text_of(event.description),
            "biz_category": text_of(event.biz_category),
            "schema_id": event.schema_id,
            "schema_revision": 1,
            "fields": fields_of(event.fields),
            "max_items": event.spec.max_items,
            "max_fields": event.spec.max_fields,
            "max_item_bytes": event.spec.max_item_bytes,
            "item_count": 0,
            "revision": 0,
            "uncommitted": 0,
            "latest_version": "",
            "version_count": 0,
            "created_by": r.meta.actor,
            "created_at": at,
            "updated_by": r.meta.actor,
            "updated_at": at,
            "deleted_at": 0,
        }
        return [(create, row)]

    def renamed(r: Recorded[DatasetRenamed]) -> list[Change]:
        name = text_of(r.event.name)
        named = {"name": name, "name_folded": name.casefold(), "description": text_of(r.event.description)}
        return [(rename, touched(r) | named)]

    def schema_changed(r: Recorded[DatasetSchemaChanged]) -> list[Change]:
        event = r.event
        schema = {
            "schema_id": event.schema_id,
            "schema_revision": event.schema_revision,
            "fields": fields_of(event.fields),
            "uncommitted": 1,
        }
        return [(reschema, touched(r) | schema)]

    def committed(r: Recorded[DatasetVersionCreated]) -> list[Change]:
        latest = {"latest_version": r.event.version, "version_count": r.event.number, "uncommitted": 0}
        return [(commit, touched(r) | latest)]

    def filled(r: Recorded[Any]) -> list[Change]:
        totals = {"item_count": r.event.totals.count, "revision": r.event.totals.revision, "uncommitted": 1}
        return [(fill, touched(r) | totals)]

    def imported(r: Recorded[DatasetRowsImported]) -> list[Change]:
        return filled(r) if r.event.rows else noted(r)

    def noted(r: Recorded[Any]) -> list[Change]:
        return [(note, {"k_dataset_id": r.event.dataset_id, "revision": r.event.totals.revision})]

    def deleted(r: Recorded[DatasetDeleted]) -> list[Change]:
        return [(delete, {"k_dataset_id": r.event.dataset_id, "deleted_at": micros(r.meta.occurred_at)})]

    return {
        DatasetCreated: created,
        DatasetRenamed: renamed,
        DatasetSchemaChanged: schema_changed,
        DatasetVersionCreated: committed,
        DatasetRowsAdded: filled,
        DatasetRowsImported: imported,
        DatasetImportEnded: noted,
        DatasetRowsChanged: filled,
        DatasetRowsRemoved: filled,
        DatasetCleared: filled,
        DatasetVersionPinned: noted,
        DatasetContentSchemaSet: noted,
        DatasetDeleted: deleted,
    }


DATASETS = ReadModel("datasets", 2, columns, projector)


def fields_of(fields: Sequence[Field] | Erased) -> list[dict[str, Any]]:
    """The fields as plain JSON, none when they have been erased."""
    return [] if isinstance(fields, Erased) else [field.model_dump(mode="json") for field in fields]


@dataclass(frozen=True)
class DatasetFilter:
    """What a list is narrowed to; ``name`` is looked for in the name, without case. Empty = everything."""

    space_id: str
    name: str = ""
    created_by: Sequence[str] = ()
    ids: Sequence[str] = ()


ORDERS = ("updated_at", "created_at")
Cursor = tuple[int, str]
"""The order's value and the id of the last row seen."""


def get_dataset(conn: Connection, dataset_id: str, include_deleted: bool = False) -> Row | None:
    """A dataset that is not deleted (or was, when asked for)."""
    found = get_datasets(conn, [dataset_id], include_deleted)
    return found[0] if found else None


def get_datasets(conn: Connection, ids: Sequence[str], include_deleted: bool = False) -> list[Row]:
    """Those of the datasets that exist, in the order of the ids."""
    t = DATASETS.live(conn)
    query = select(t).where(t.c.dataset_id.in_(list(ids)))
    if not include_deleted:
        query = query.where(t.c.deleted_at == 0)
    found = {row["dataset_id"]: row for row in conn.execute(query).mappings()}
    return [found[i] for i in dict.fromkeys(ids) if i in found]


def list_datasets(
    conn: Connection,
    wanted: DatasetFilter,
    order_by: str,
    ascending: bool,
    size: int,
    offset: int = 0,
    after: Cursor | None = None,
) -> tuple[list[Row], int]:
    """``size`` datasets from ``offset`` (or after a cursor, which wins), and the number of all wanted.

    ``order_by`` is one of `ORDERS`; equal times are ordered by id.
    """
    t = DATASETS.live(conn)
    where: list[ColumnElement[bool]] = [t.c.space_id == wanted.space_id, t.c.deleted_at == 0]
    if wanted.name:
        where.append(sql.contains(t.c.name_folded, wanted.name.casefold()))
    if wanted.created_by:
        where.append(t.c.created_by.in_(list(wanted.created_by)))
    if wanted.ids:
        where.append(t.c.dataset_id.in_(list(wanted.ids)))
    total = number_of(conn, t, where)
    order = (t.c[order_by], t.c.dataset_id)
    if after is not None:
        where.append(behind(after, ascending, *order))
        offset = 0
    rows = conn.execute(select(t).where(*where).order_by(*directed(ascending, *order)).limit(size).offset(offset))
    return list(rows.mappings()), total
