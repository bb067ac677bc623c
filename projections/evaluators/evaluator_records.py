"""Every run of an evaluator's version outside of experiments, with its input and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.evaluators import EvaluatorRan
from events.event import Event, Recorded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import json_of, micros, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a run; ``code`` 0 = it gave a score, ``text`` is the reason or the error, the ids are '' when unsaid."""
    return [
        Column("record_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("evaluator_id", sql.Id, nullable=False),
        Column("evaluator_version_id", sql.Id, nullable=False),
        Column("experiment_id", sql.Id, nullable=False),
        Column("run_id", sql.Id, nullable=False),
        Column("item_id", sql.Id, nullable=False),
        Column("turn_id", sql.Id, nullable=False),
        Column("input", sql.LongText, nullable=False),
        Column("ext", sql.LongText, nullable=False),
        Column("code", Integer, nullable=False),
        Column("score", sql.Real, nullable=True),
        Column("text", sql.LongText, nullable=False),
        Column("stdout", sql.LongText, nullable=False),
        Column("asked", sql.LongText, nullable=False),
        Column("input_tokens", sql.Micros, nullable=False),
        Column("output_tokens", sql.Micros, nullable=False),
        Column("duration_ms", sql.Micros, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """A run is one row; nothing changes it afterwards."""
    put = sql.upsert(table, ["record_id"], ())

    def ran(r: Recorded[EvaluatorRan]) -> list[Change]:
        return [(put, row_of(r))]

    return {EvaluatorRan: ran}


def row_of(r: Recorded[EvaluatorRan]) -> dict[str, Any]:
    """The row that a run is."""
    event = r.event
    same = ("record_id", "evaluator_id", "evaluator_version_id", "experiment_id", "run_id", "item_id", "turn_id")
    numbers = ("code", "score", "input_tokens", "output_tokens", "duration_ms")
    return {
        **{name: getattr(event, name) for name in (*same, *numbers)},
        "space_id": r.stream.space,
        "input": json_of(event.input),
        "ext": json_of(event.ext),
        "text": text_of(event.message if event.code else event.reasoning),
        "stdout": text_of(event.stdout),
        "asked": text_of(event.asked),
        "created_by": r.meta.actor,
        "created_at": micros(r.meta.occurred_at),
    }


EVALUATOR_RECORDS = ReadModel("evaluator_records", 1, columns, projector)


def get_evaluator_records(conn: Connection, ids: Sequence[str]) -> list[Row]:
    """Those of the records that exist."""
    t = EVALUATOR_RECORDS.live(conn)
    return list(conn.execute(select(t).where(t.c.record_id.in_(list(ids)))).mappings())
