"""What came of each step of each item in each run; `results` asks which of it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros, stable_id, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a run, item and step (0 the target, evaluators from 1); ``code`` 0 = it succeeded.

    ``record_id`` names the outcome in answers; ``asked`` is a judge's rendered prompt.
    """
    return [
        Column("run_id", sql.Id, primary_key=True),
        Column("item_id", sql.Id, primary_key=True),
        Column("step", Integer, primary_key=True),
        Column("record_id", sql.Id, nullable=False),
        Column("experiment_id", sql.Id, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("item_index", Integer, nullable=False),
        Column("evaluator_version_id", sql.Id, nullable=False),
        Column("code", Integer, nullable=False),
        Column("score", sql.Real, nullable=True),
        Column("text", sql.LongText, nullable=False),
        Column("stdout", sql.LongText, nullable=False),
        Column("asked", sql.LongText, nullable=False),
        Column("input_tokens", sql.Micros, nullable=False),
        Column("output_tokens", sql.Micros, nullable=False),
        Column("duration_ms", sql.Micros, nullable=False),
        Column("position", sql.Micros, nullable=False),
        Column("recorded_at", sql.Micros, nullable=False),
        Index("by_record", "record_id"),
        Index("by_item", "run_id", "item_index", "step", "code", "position"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """An outcome is one row; nothing changes it afterwards."""
    put = sql.upsert(table, ["run_id", "item_id", "step"], ())

    def row(r: Recorded[Any], **news: Any) -> list[Change]:
        event = r.event
        return [
            (
                put,
                {
                    "run_id": event.run_id,
                    "item_id": event.item_id,
                    "record_id": stable_id(event.run_id, event.item_id, str(news.get("step", 0))),
                    "experiment_id": event.experiment_id,
                    "space_id": r.stream.space,
                    "item_index": event.item_index,
                    "step": 0,
                    "evaluator_version_id": "",
                    "code": 0,
                    "score": None,
                    "text": "",
                    "stdout": "",
                    "asked": "",
                    "input_tokens": 0,
                    "output_tokens": 0,
                    "duration_ms": event.duration_ms,
                    "position": r.position,
                    "recorded_at": micros(r.meta.occurred_at),
                    **news,
                },
            )
        ]

    def evaluated(e: EvaluatorScored | EvaluatorFailed) -> dict[str, Any]:
        return {
            "step": e.step,
            "evaluator_version_id": e.evaluator_version_id,
            "stdout": text_of(e.stdout),
            "asked": text_of(e.asked),
            "input_tokens": e.input_tokens,
            "output_tokens": e.output_tokens,
        }

    def answered(r: Recorded[TargetAnswered]) -> list[Change]:
        e = r.event
        return row(r, text=text_of(e.output), input_tokens=e.input_tokens, output_tokens=e.output_tokens)

    def target_failed(r: Recorded[TargetFailed]) -> list[Change]:
        return row(r, code=r.event.code or -1, text=text_of(r.event.message))

    def scored(r: Recorded[EvaluatorScored]) -> list[Change]:
        return row(r, **evaluated(r.event), score=r.event.score, text=text_of(r.event.reasoning))

    def evaluator_failed(r: Recorded[EvaluatorFailed]) -> list[Change]:
        return row(r, **evaluated(r.event), code=r.event.code or -1, text=text_of(r.event.message))

    return {
        TargetAnswered: answered,
        TargetFailed: target_failed,
        EvaluatorScored: scored,
        EvaluatorFailed: evaluator_failed,
    }


OUTCOMES = ReadModel("experiment_outcomes", 4, columns, projector)


def outcomes_by_record(conn: Connection, record_ids: Sequence[str]) -> list[Row]:
    """The outcomes of these record ids, evaluators' alone."""
    t = OUTCOMES.live(conn)
    found = conn.execute(select(t).where(t.c.record_id.in_(list(record_ids)), t.c.step > 0))
    return list(found.mappings())
