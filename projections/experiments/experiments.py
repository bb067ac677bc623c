"""Which experiments a space has, what each pinned, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Erased, Event, Recorded
from events.experiments import (
    ExperimentDeleted,
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
    RunKillRequested,
    RunStarted,
    RunTerminated,
)
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import directed, json_of, micros, number_of, text_of

Row = Mapping[str, Any]
PENDING, PROCESSING, SUCCESS, FAILED, TERMINATED, TERMINATING = 2, 3, 11, 12, 13, 15
RUNNING = (PENDING, PROCESSING, TERMINATING)


def columns() -> list[SchemaItem]:
    """One row an experiment, kept after its deletion. Times in microseconds, 0 = never.

    ``runs`` is how many there were, ``run_id`` the newest; ``expired`` is 1 when a deadline ended the last one.
    """
    return [
        Column("experiment_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("name", sql.key(200), nullable=False),
        Column("name_folded", sql.LongText, nullable=False),
        Column("description", sql.LongText, nullable=False),
        Column("status", Integer, nullable=False),
        Column("run_id", sql.Id, nullable=False),
        Column("runs", Integer, nullable=False),
        Column("expired", Integer, nullable=False),
        Column("dataset_id", sql.Id, nullable=False),
        Column("dataset_version_id", sql.Id, nullable=False),
        Column("dataset_revision", sql.Micros, nullable=False),
        Column("item_count", Integer, nullable=False),
        Column("prompt_id", sql.Id, nullable=False),
        Column("prompt_version", sql.key(128), nullable=False),
        Column("target_id", sql.Id, nullable=False),
        Column("target_version_id", sql.Id, nullable=False),
        Column("target_mapping", sql.LongText, nullable=False),
        Column("evaluators", sql.LongText, nullable=False),
        Column("concurrency", Integer, nullable=False),
        Column("score_weights", sql.LongText, nullable=False),
        Column("evaluators_concurrency", Integer, nullable=False),
        Column("item_retries", Integer, nullable=False),
        Column("longest_life_ms", sql.Micros, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("started_at", sql.Micros, nullable=False),
        Column("ended_at", sql.Micros, nullable=False),
        Column("deleted_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "deleted_at", "created_at"),
        Index("by_status", "space_id", "status"),
    ]


def submitted_row(r: Recorded[ExperimentSubmitted]) -> dict[str, Any]:
    """The row of an experiment that was submitted just now, every column in it."""
    event, name = r.event, text_of(r.event.name)
    pins = () if isinstance(event.evaluators, Erased) else event.evaluators
    mapping = () if isinstance(event.target_mapping, Erased) else event.target_mapping
    return {
        "experiment_id": event.experiment_id,
        "space_id": r.stream.space,
        "name": name,
        "name_folded": name.casefold(),
        "description": text_of(event.description),
        "status": PENDING,
        "run_id": event.run_id,
        "runs": 1,
        "expired": 0,
        "dataset_id": event.dataset.id,
        "dataset_version_id": event.dataset.version_id,
        "dataset_revision": event.dataset.revision,
        "item_count": event.item_count,
        "prompt_id": event.prompt.id if event.prompt else "",
        "prompt_version": event.prompt.version if event.prompt else "",
        "target_id": event.target_id,
        "target_version_id": event.target_version_id,
        "target_mapping": json_of([m.model_dump() for m in mapping]),
        "evaluators": json_of([p.model_dump() for p in pins]),
        "concurrency": event.concurrency,
        "score_weights": json_of(event.score_weights),
        "evaluators_concurrency": event.evaluators_concurrency,
        "item_retries": event.item_retries,
        "longest_life_ms": event.longest_life_ms,
        "created_by": r.meta.actor,
        "created_at": micros(r.meta.occurred_at),
        "started_at": 0,
        "ended_at": 0,
        "deleted_at": 0,
    }


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of an experiment changes."""
    keys = ["experiment_id"]
    submit = sql.upsert(table, keys, ())
    start = sql.change(table, keys, ["status", "started_at"])
    retry = sql.change(table, keys, ["status", "run_id", "runs", "expired", "ended_at"])
    ending = sql.change(table, keys, ["status"])
    end = sql.change(table, keys, ["status", "expired", "ended_at"])
    delete = sql.change(table, keys, ["deleted_at"])

    def submitted(r: Recorded[ExperimentSubmitted]) -> list[Change]:
        return [(submit, submitted_row(r))]

    def retried(r: Recorded[ExperimentRetried]) -> list[Change]:
        news = {"status": PROCESSING, "run_id": r.event.run_id, "runs": r.event.number, "expired": 0, "ended_at": 0}
        return [(retry, {"k_experiment_id": r.event.experiment_id, **news})]

    def started(r: Recorded[RunStarted]) -> list[Change]:
        news = {"status": PROCESSING, "started_at": micros(r.meta.occurred_at)}
        return [(start, {"k_experiment_id": r.event.experiment_id, **news})]

    def kill_requested(r: Recorded[RunKillRequested]) -> list[Change]:
        return [(ending, {"k_experiment_id": r.event.experiment_id, "status": TERMINATING})]

    def ended(r: Recorded[Any], status: int, expired: int = 0) -> list[Change]:
        if r.event.still_running:
            return []
        news = {"status": status, "expired": expired, "ended_at": micros(r.meta.occurred_at)}
        return [(end, {"k_experiment_id": r.event.experiment_id, **news})]

    def completed(r: Recorded[RunCompleted]) -> list[Change]:
        return ended(r, FAILED if r.event.failed else SUCCESS)

    def terminated(r: Recorded[RunTerminated]) -> list[Change]:
        return ended(r, TERMINATED)

    def expired(r: Recorded[RunExpired]) -> list[Change]:
        return ended(r, FAILED, expired=1)

    def deleted(r: Recorded[ExperimentDeleted]) -> list[Change]:
        return [(delete, {"k_experiment_id": r.event.experiment_id, "deleted_at": micros(r.meta.occurred_at)})]

    return {
        ExperimentSubmitted: submitted,
        ExperimentRetried: retried,
        RunStarted: started,
        RunKillRequested: kill_requested,
        RunCompleted: completed,
        RunTerminated: terminated,
        RunExpired: expired,
        ExperimentDeleted: deleted,
    }


EXPERIMENTS = ReadModel("experiments", 2, columns, projector)


@dataclass(frozen=True)
class ExperimentFilter:
    """What a list is narrowed to; empty means everything."""

    space_id: str
    name_like: str = ""
    created_by: Sequence[str] = ()
    statuses: Sequence[int] = ()
    dataset_ids: Sequence[str] = ()
    prompt_ids: Sequence[str] = ()


def get_experiments(conn: Connection, experiment_ids: Sequence[str]) -> list[Row]:
    """Those of the experiments that exist, in the order of the ids."""
    t = EXPERIMENTS.live(conn)
    rows = conn.execute(select(t).where(t.c.experiment_id.in_(list(experiment_ids)), t.c.deleted_at == 0)).mappings()
    found = {row["experiment_id"]: row for row in rows}
    return [found[i] for i in dict.fromkeys(experiment_ids) if i in found]


def list_experiments(
    conn: Connection, wanted: ExperimentFilter, order_by: str, ascending: bool, page: int, size: int
) -> tuple[list[Row], int]:
    """Page ``page`` (from 1) of the experiments wanted, and their number.

    ``order_by`` is started_at, ended_at or created_at.
    """
    t = EXPERIMENTS.live(conn)
    where = [t.c.space_id == wanted.space_id, t.c.deleted_at == 0]
    if wanted.name_like:
        where.append(sql.contains(t.c.name_folded, wanted.name_like.casefold()))
    for column, values in (
        (t.c.created_by, wanted.created_by),
        (t.c.status, wanted.statuses),
        (t.c.dataset_id, wanted.dataset_ids),
        (t.c.prompt_id, wanted.prompt_ids),
    ):
        if values:
            where.append(column.in_(list(values)))
    by = {"started_at": t.c.started_at, "ended_at": t.c.ended_at}.get(order_by, t.c.created_at)
    order = directed(ascending, by, t.c.experiment_id)
    total = number_of(conn, t, where)
    rows = conn.execute(select(t).where(*where).order_by(*order).limit(size).offset((page - 1) * size))
    return list(rows.mappings()), total


def experiment_named(conn: Connection, space_id: str, name: str) -> str | None:
    """The id of the space's experiment with exactly this name."""
    t = EXPERIMENTS.live(conn)
    where = (t.c.space_id == space_id, t.c.name == name, t.c.deleted_at == 0)
    return conn.execute(select(t.c.experiment_id).where(*where)).scalar()


def count_running(conn: Connection, space_id: str, except_for: str = "") -> int:
    """How many of a space's experiments are not over, one excepted."""
    t = EXPERIMENTS.live(conn)
    where = (t.c.space_id == space_id, t.c.status.in_(RUNNING), t.c.deleted_at == 0, t.c.experiment_id != except_for)
    return number_of(conn, t, where)
