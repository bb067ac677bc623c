"""What came of each step of each item: results, progress and aggregates are questions to this table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, and_, case, func, select
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
        Index("by_score", "run_id", "step", "code", "score"),
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


OUTCOMES = ReadModel("experiment_outcomes", 3, columns, projector)


def outcomes_of(conn: Connection, run_id: str, item_ids: Sequence[str], before: int = 0) -> list[Row]:
    """The outcomes of some items, by step; ``before`` > 0 leaves out what came after the run had ended."""
    t = OUTCOMES.live(conn)
    where = [t.c.run_id == run_id, t.c.item_id.in_(list(item_ids))]
    if before:
        where.append(t.c.position < before)
    return list(conn.execute(select(t).where(*where).order_by(t.c.item_id, t.c.step)).mappings())


def score_counts(conn: Connection, run_id: str, before: int = 0) -> list[tuple[str, float, int]]:
    """How often each evaluator version gave each score: every aggregate follows from it."""
    t = OUTCOMES.live(conn)
    where = [t.c.run_id == run_id, t.c.step > 0, t.c.code == 0]
    if before:
        where.append(t.c.position < before)
    query = select(t.c.evaluator_version_id, t.c.score, func.count()).where(*where)
    rows = conn.execute(query.group_by(t.c.evaluator_version_id, t.c.score).order_by(t.c.score))
    return [(version_id, float(score), int(count)) for version_id, score, count in rows]


def target_numbers(conn: Connection, run_id: str, before: int = 0) -> list[tuple[int, int, int]]:
    """Duration in ms, input and output tokens of every answer of the target."""
    t = OUTCOMES.live(conn)
    where = [t.c.run_id == run_id, t.c.step == 0, t.c.code == 0]
    if before:
        where.append(t.c.position < before)
    query = select(t.c.duration_ms, t.c.input_tokens, t.c.output_tokens).where(*where)
    return [(int(d), int(i), int(o)) for d, i, o in conn.execute(query)]


def progress(conn: Connection, run_id: str, steps: int, before: int = 0) -> tuple[int, int, int]:
    """Items that succeeded, items that failed, and items with some but not all of their ``steps`` outcomes."""
    t = OUTCOMES.live(conn)
    where = [t.c.run_id == run_id]
    if before:
        where.append(t.c.position < before)
    failed = func.sum(case((t.c.code != 0, 1), else_=0))
    no_answer = func.sum(case((and_(t.c.code != 0, t.c.step == 0), 1), else_=0))
    per_item = (
        select(func.count().label("done"), failed.label("failed"), no_answer.label("no_answer"))
        .where(*where)
        .group_by(t.c.item_id)
        .subquery()
    )
    succeeded = failures = under_way = 0
    grouped = select(per_item.c.done, per_item.c.failed, per_item.c.no_answer, func.count()).group_by(
        per_item.c.done, per_item.c.failed, per_item.c.no_answer
    )
    for done, failed_steps, unanswered, count in conn.execute(grouped):
        if done < steps and not unanswered:
            under_way += count
        elif failed_steps:
            failures += count
        else:
            succeeded += count
    return succeeded, failures, under_way


def outcomes_by_record(conn: Connection, record_ids: Sequence[str]) -> list[Row]:
    """The outcomes of these record ids, evaluators' alone."""
    t = OUTCOMES.live(conn)
    found = conn.execute(select(t).where(t.c.record_id.in_(list(record_ids)), t.c.step > 0))
    return list(found.mappings())
