"""Which imports a dataset had, how far each has come, and what it did not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Table, func, or_, select
from sqlalchemy.schema import SchemaItem

from events.datasets import DatasetRowsImported
from events.event import Erased, Event, Recorded
from events.imports import ImportBegun, ImportCancelled, ImportCompleted, ImportFailed, ImportRequested
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros, text_of

Row = Mapping[str, Any]


class Status(IntEnum):
    """The contract's numbers."""

    PENDING = 1
    RUNNING = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5


UNFINISHED = (Status.PENDING, Status.RUNNING)
SHOWN = 200
"""Imports of a dataset that are listed: the newest."""


def columns() -> list[SchemaItem]:
    """One row an import. ``rows`` counts what was read of the file, ``is_full`` ends it; times in microseconds."""
    return [
        Column("job_id", sql.Id, primary_key=True),
        Column("dataset_id", sql.Id, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("status", Integer, nullable=False),
        Column("format", sql.key(16), nullable=False),
        Column("path", sql.LongText, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("mappings", sql.LongText, nullable=False),
        Column("overwrites", Integer, nullable=False),
        Column("encoding", sql.key(32), nullable=False),
        Column("total", BigInteger, nullable=False),
        Column("rows_read", BigInteger, nullable=False),
        Column("added", BigInteger, nullable=False),
        Column("refused", BigInteger, nullable=False),
        Column("is_full", Integer, nullable=False),
        Column("errors", sql.LongText, nullable=False),
        Column("fault_type", Integer, nullable=False),
        Column("fault", sql.LongText, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Column("started_at", sql.Micros, nullable=False),
        Column("ended_at", sql.Micros, nullable=False),
        Index("by_dataset", "dataset_id", "created_at", "job_id"),
        Index("by_status", "status", "space_id"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of an import, and each of its pages, changes."""
    touch = ["updated_by", "updated_at"]
    ask = sql.upsert(table, ["job_id"], ())
    begin = sql.change(table, ["job_id"], ["status", "total", "encoding", "started_at", *touch])
    page = sql.change(table, ["job_id"], ["rows_read", "added", "refused", "is_full", "errors", *touch])
    over = sql.change(table, ["job_id"], ["status", "ended_at", *touch])
    fail = sql.change(table, ["job_id"], ["status", "ended_at", "fault_type", "fault", *touch])

    def touched(r: Recorded[Any]) -> dict[str, Any]:
        at = micros(r.meta.occurred_at)
        return {"k_job_id": r.event.job_id, "updated_by": r.meta.actor, "updated_at": at}

    def requested(r: Recorded[ImportRequested]) -> list[Change]:
        event, at = r.event, micros(r.meta.occurred_at)
        mappings = [] if isinstance(event.mappings, Erased) else [m.model_dump() for m in event.mappings]
        row = {
            "job_id": event.job_id,
            "dataset_id": event.dataset_id,
            "space_id": r.stream.space,
            "status": int(Status.PENDING),
            "format": event.format,
            "path": text_of(event.path),
            "size": event.size,
            "mappings": orjson.dumps(mappings).decode(),
            "overwrites": int(event.overwrite),
            "encoding": "",
            "errors": "[]",
            "fault": "",
            "created_by": r.meta.actor,
            "created_at": at,
            "updated_by": r.meta.actor,
            "updated_at": at,
        }
        none = dict.fromkeys(
            ("total", "rows_read", "added", "refused", "is_full", "fault_type", "started_at", "ended_at"), 0
        )
        return [(ask, row | none)]

    def begun(r: Recorded[ImportBegun]) -> list[Change]:
        at = micros(r.meta.occurred_at)
        found = {"status": int(Status.RUNNING), "total": r.event.total, "encoding": r.event.encoding, "started_at": at}
        return [(begin, touched(r) | found)]

    def paged(r: Recorded[DatasetRowsImported]) -> list[Change]:
        progress, errors = r.event.progress, r.event.errors
        groups = [] if isinstance(errors, Erased) else [g.model_dump(exclude_none=True) for g in errors]
        come = {
            "rows_read": progress.rows,
            "added": progress.added,
            "refused": progress.refused,
            "is_full": int(progress.full),
            "errors": orjson.dumps(groups).decode(),
        }
        return [(page, touched(r) | come)]

    def ended(status: Status) -> Project:
        return lambda r: [(over, touched(r) | {"status": int(status), "ended_at": micros(r.meta.occurred_at)})]

    def failed(r: Recorded[ImportFailed]) -> list[Change]:
        fault = {"fault_type": r.event.type, "fault": text_of(r.event.reason)}
        return [
            (fail, touched(r) | {"status": int(Status.FAILED), "ended_at": micros(r.meta.occurred_at)} | fault),
        ]

    return {
        ImportRequested: requested,
        ImportBegun: begun,
        DatasetRowsImported: paged,
        ImportCompleted: ended(Status.COMPLETED),
        ImportCancelled: ended(Status.CANCELLED),
        ImportFailed: failed,
    }


IMPORTS = ReadModel("imports", 1, columns, projector)


def get_import(conn: Connection, job_id: str) -> Row | None:
    """An import, also of a dataset that is deleted."""
    t = IMPORTS.live(conn)
    return conn.execute(select(t).where(t.c.job_id == job_id)).mappings().first()


def list_imports(conn: Connection, dataset_id: str, statuses: Sequence[int] = ()) -> list[Row]:
    """A dataset's imports, the newest first, at most `SHOWN`; of these statuses when some are named."""
    t = IMPORTS.live(conn)
    where = [t.c.dataset_id == dataset_id]
    if statuses:
        where.append(t.c.status.in_(list(statuses)))
    newest = select(t).where(*where).order_by(t.c.created_at.desc(), t.c.job_id.desc()).limit(SHOWN)
    return list(conn.execute(newest).mappings())


def unfinished_imports(conn: Connection) -> list[str]:
    """The imports that are not over, the oldest first."""
    t = IMPORTS.live(conn)
    waiting = select(t.c.job_id).where(t.c.status.in_(UNFINISHED)).order_by(t.c.created_at, t.c.job_id)
    return list(conn.scalars(waiting))


def imports_in_use(conn: Connection, since: int) -> list[Row]:
    """``job_id``, ``space_id``, ``path`` and ``status`` of what is not over, or was asked for since a time."""
    t = IMPORTS.live(conn)
    wanted = select(t.c.job_id, t.c.space_id, t.c.path, t.c.status)
    return list(conn.execute(wanted.where(or_(t.c.status.in_(UNFINISHED), t.c.created_at >= since))).mappings())


def count_unfinished(conn: Connection, space_id: str) -> int:
    """How many imports of a space are not over."""
    t = IMPORTS.live(conn)
    counted = select(func.count()).select_from(t).where(t.c.status.in_(UNFINISHED), t.c.space_id == space_id)
    return int(conn.execute(counted).scalar_one())
