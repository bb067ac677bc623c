"""What a run's outcomes come to, counted as they arrive: a page that watches a run reads no result of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, select
from sqlalchemy import update as core_update
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.experiments import (
    EvaluatorFailed,
    EvaluatorScored,
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
    RunTerminated,
    TargetAnswered,
    TargetFailed,
)
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel

COUNTED = ("outcomes", "input_tokens", "output_tokens")
THE_RUN = -1
"""The step of the row that stands for the run itself."""
FAILED, ANSWERED = "failed", "answered"


def columns() -> list[SchemaItem]:
    """One row a run, step and result: ``failed``, ``answered``, or a score as text; the first is the run's own.

    ``final_…`` are the counts when the run ended; what came later is counted beside them. ``ended`` holds for a row
    that was there then: of the run's own row it says whether the run is over.
    """
    return [
        Column("run_id", sql.Id, primary_key=True),
        Column("step", Integer, primary_key=True),
        Column("result", sql.key(32), primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("evaluator_version_id", sql.Id, nullable=False),
        Column("ended", Integer, nullable=False),
        *(Column(name, sql.Micros, nullable=False) for name in COUNTED),
        *(Column(f"final_{name}", sql.Micros, nullable=False) for name in COUNTED),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """An outcome adds to its row; the end of a run keeps what had been counted."""
    keys = ["run_id", "step", "result"]
    begin = sql.upsert(table, keys, ())
    add = sql.add(table, keys, COUNTED)
    kept = {f"final_{name}": table.c[name] for name in COUNTED}
    end = core_update(table).where(sql.matching(table, "run_id")).values(ended=1, **kept)

    nothing = {"ended": 0, **dict.fromkeys([*COUNTED, *(f"final_{name}" for name in COUNTED)], 0)}

    def row(r: Recorded[Any], step: int, result: str, version_id: str = "", **counts: int) -> dict[str, Any]:
        return {
            "run_id": r.event.run_id,
            "step": step,
            "result": result,
            "space_id": r.stream.space,
            "evaluator_version_id": version_id,
            **nothing,
            **counts,
        }

    def counted(e: TargetAnswered | EvaluatorScored | EvaluatorFailed) -> dict[str, int]:
        return {"outcomes": 1, "input_tokens": e.input_tokens, "output_tokens": e.output_tokens}

    def begun(r: Recorded[Any]) -> list[Change]:
        return [(begin, row(r, THE_RUN, ""))]

    def ended(r: Recorded[Any]) -> list[Change]:
        return [(end, {"k_run_id": r.event.run_id})]

    def answered(r: Recorded[TargetAnswered]) -> list[Change]:
        return [(add, row(r, 0, ANSWERED, **counted(r.event)))]

    def unanswered(r: Recorded[TargetFailed]) -> list[Change]:
        return [(add, row(r, 0, FAILED, outcomes=1))]

    def evaluated(r: Recorded[Any]) -> list[Change]:
        e = r.event
        result = repr(e.score) if isinstance(e, EvaluatorScored) else FAILED
        return [(add, row(r, e.step, result, e.evaluator_version_id, **counted(e)))]

    return {
        ExperimentSubmitted: begun,
        ExperimentRetried: begun,
        TargetAnswered: answered,
        TargetFailed: unanswered,
        EvaluatorScored: evaluated,
        EvaluatorFailed: evaluated,
        RunCompleted: ended,
        RunTerminated: ended,
        RunExpired: ended,
    }


TALLIES = ReadModel("experiment_tallies", 1, columns, projector)


@dataclass
class Tally:
    """A run's outcomes that count. ``failed`` is how many of them are failures; ``scores`` as `score_counts` gives."""

    under_way: bool = False
    outcomes: int = 0
    failed: int = 0
    scores: list[tuple[str, float, int]] = field(default_factory=list)
    tokens: tuple[int, int] = (0, 0)


def tallies(conn: Connection, run_ids: Sequence[str]) -> dict[str, Tally]:
    """Run id -> what its outcomes come to, as the run's end left them when it is over. One statement."""
    t = TALLIES.live(conn)
    found: dict[str, Tally] = {}
    for row in conn.execute(select(t).where(t.c.run_id.in_(list(run_ids))).order_by(t.c.step)).mappings():
        if row["step"] == THE_RUN:
            found[row["run_id"]] = Tally(under_way=not row["ended"])
        elif (tally := found.get(row["run_id"])) is not None:
            _count(tally, row)
    for tally in found.values():
        tally.scores.sort(key=lambda each: each[1])
    return found


def _count(tally: Tally, row: Mapping[str, Any]) -> None:
    number, *used = (int(row[name if tally.under_way else f"final_{name}"]) for name in COUNTED)
    if not number:
        return
    tally.outcomes += number
    tally.tokens = (tally.tokens[0] + used[0], tally.tokens[1] + used[1])
    if row["result"] == FAILED:
        tally.failed += number
    elif row["step"]:
        tally.scores.append((row["evaluator_version_id"], float(row["result"]), number))
