"""What a page shows around experiments, read in one transaction: a page that watches a run asks once each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from projections.datasets.datasets import get_datasets
from projections.datasets.versions import get_versions
from projections.evaluators.evaluators import get_evaluators
from projections.experiments.experiments import SUCCESS
from projections.experiments.results import Progress, Wanted, progress, score_counts, tokens_used
from projections.experiments.tallies import Tally, tallies
from projections.prompts.prompts import get_prompts

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stats:
    """Where an experiment's items stand, how often each evaluator version gave each score, and the tokens used."""

    stand: Progress
    scores: Sequence[tuple[str, float, int]] = ()
    tokens: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Overview:
    """What experiments name, by id, and each one's stats in their order."""

    datasets: Mapping[str, Row]
    versions: Mapping[str, Row]
    prompts: Mapping[str, Row]
    evaluators: Mapping[str, Row]
    stats: Sequence[Stats]


def overview(conn: Connection, rows: Sequence[Row], counted: bool = True) -> Overview:
    """Of some experiments; without their stats unless they are ``counted``.

    Of an experiment with one run the stats are one statement over what was tallied; where items have several steps,
    and some failed or are missing, one more counts its outcomes. Several runs are counted from their outcomes.
    """
    evaluators = {pin["id"] for row in rows for pin in pins_of(row)}
    prompts = sorted({r["prompt_id"] for r in rows if r["prompt_id"]})
    found = tallies(conn, [r["run_id"] for r in rows if r["runs"] == 1]) if counted and rows else {}
    return Overview(
        datasets=_by("dataset_id", get_datasets(conn, sorted({r["dataset_id"] for r in rows}), True)),
        versions=_by("version_id", get_versions(conn, sorted({r["dataset_version_id"] for r in rows}))),
        prompts=_by("prompt_id", get_prompts(conn, prompts) if prompts else ()),
        evaluators=_by("evaluator_id", get_evaluators(conn, sorted(evaluators), True)),
        stats=[_stats(conn, row, found.get(row["run_id"])) for row in rows] if counted else (),
    )


def pins_of(row: Row) -> list[dict[str, Any]]:
    """The evaluator versions that an experiment pinned."""
    pins: list[dict[str, Any]] = orjson.loads(row["evaluators"]) or []
    return pins


def wanted_of(row: Row) -> Wanted:
    """The experiment as questions for its results need it."""
    steps = len(pins_of(row)) + (1 if row["prompt_id"] else 0)
    return Wanted(row["experiment_id"], row["item_count"], steps, row["runs"])


def _stats(conn: Connection, row: Row, tally: Tally | None) -> Stats:
    wanted = wanted_of(row)
    if tally is None:
        return Stats(progress(conn, wanted), score_counts(conn, wanted), tokens_used(conn, wanted))
    if row["status"] == SUCCESS:
        stand = Progress(row["item_count"], 0, 0, 0)
    elif wanted.steps == 1:
        busy = row["item_count"] - tally.outcomes if tally.under_way else 0
        stand = Progress(tally.outcomes - tally.failed, tally.failed, busy, 0)
    else:
        stand = progress(conn, wanted)
    return Stats(stand, tally.scores, tally.tokens)


def _by(column: str, rows: Sequence[Row]) -> Mapping[str, Row]:
    return {row[column]: row for row in rows}
