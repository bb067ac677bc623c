"""Each run of each experiment: over which items, and where in the log it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.experiments import (
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
    RunTerminated,
)
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel

Row = Mapping[str, Any]
EVERY_ITEM = ""


def columns() -> list[SchemaItem]:
    """One row a run. ``items`` is a bit set of item indexes in hexadecimal digits, empty = every item.

    ``ended_position`` is that of the event that ended the run, 0 while it is under way: outcomes after it do not count.
    """
    return [
        Column("run_id", sql.Id, primary_key=True),
        Column("experiment_id", sql.Id, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("number", Integer, nullable=False),
        Column("items", sql.LongText, nullable=False),
        Column("ended_position", sql.Micros, nullable=False),
        Index("by_experiment", "experiment_id", "ended_position"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """A run appears when it is asked for, and ends once."""
    put = sql.upsert(table, ["run_id"], ())
    end = sql.change(table, ["run_id"], ["ended_position"])

    def begun(r: Recorded[Any], number: int, items: str) -> list[Change]:
        row = {
            "run_id": r.event.run_id,
            "experiment_id": r.event.experiment_id,
            "space_id": r.stream.space,
            "number": number,
            "items": items,
            "ended_position": 0,
        }
        return [(put, row)]

    def submitted(r: Recorded[ExperimentSubmitted]) -> list[Change]:
        return begun(r, 1, EVERY_ITEM)

    def retried(r: Recorded[ExperimentRetried]) -> list[Change]:
        return begun(r, r.event.number, r.event.items)

    def ended(r: Recorded[Any]) -> list[Change]:
        return [(end, {"k_run_id": r.event.run_id, "ended_position": r.position})]

    return {
        ExperimentSubmitted: submitted,
        ExperimentRetried: retried,
        RunCompleted: ended,
        RunTerminated: ended,
        RunExpired: ended,
    }


RUNS = ReadModel("experiment_runs", 1, columns, projector)


def runs_under_way(conn: Connection, experiment_ids: Sequence[str]) -> list[Row]:
    """The runs of these experiments that have not ended, the newest first."""
    t = RUNS.live(conn)
    where = (t.c.experiment_id.in_(list(experiment_ids)), t.c.ended_position == 0)
    return list(conn.execute(select(t).where(*where).order_by(t.c.number.desc())).mappings())


def items_of(row: Row, item_count: int) -> set[int]:
    """The item indexes that a run goes over."""
    if row["items"] == EVERY_ITEM:
        return set(range(item_count))
    bits = f"{int(row['items'], 16):b}"[::-1]
    return {index for index, bit in enumerate(bits) if bit == "1"}


def repeats(row: Row, index: int) -> bool:
    """Whether a run goes over an item."""
    return row["items"] == EVERY_ITEM or bool(int(row["items"], 16) >> index & 1)
