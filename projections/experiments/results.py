"""Which outcomes count: an item's result is that of the newest run that ended it, until then what there is so far.

A run has ended an item when each step has its outcome, or when the target has failed. What came after a run's end does
not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Subquery, and_, case, func, or_, select

from projections.experiments.outcomes import OUTCOMES
from projections.experiments.runs import RUNS, items_of, runs_under_way

Row = Mapping[str, Any]
ENDED = 1 << 30
"""Is added to the number of a run that ended an item: it goes before every one that did not."""


@dataclass(frozen=True)
class Wanted:
    """An experiment as these questions need it: ``steps`` of each item, and whether it had several ``runs``."""

    experiment_id: str
    item_count: int
    steps: int
    runs: int = 1


@dataclass(frozen=True)
class Progress:
    """How many items stand where. ``busy`` ones are still to be ended by a run, of them some are ``under_way``."""

    succeeded: int
    failed: int
    busy: int
    under_way: int


@dataclass(frozen=True)
class Standing:
    """Item indexes. ``busy`` maps a run under way to the items that it has yet to end."""

    succeeded: set[int]
    failed: set[int]
    busy: Mapping[str, set[int]]
    under_way: set[int]


def outcomes_of(conn: Connection, experiment_id: str, item_ids: Sequence[str]) -> list[Row]:
    """Every outcome of some items that came before its run's end, with the run's ``number``."""
    o, r = OUTCOMES.live(conn), RUNS.live(conn)
    query = select(o, r.c.number).select_from(_joined(o, r)).where(_valid(o, r, experiment_id))
    query = query.where(o.c.item_id.in_(list(item_ids))).order_by(o.c.item_id, r.c.number, o.c.step)
    return list(conn.execute(query).mappings())


def score_counts(conn: Connection, wanted: Wanted) -> list[tuple[str, float, int]]:
    """How often each evaluator version gave each score: every aggregate follows from it."""
    c = _counted(conn, wanted).c
    query = select(c.evaluator_version_id, c.score, func.count()).where(c.step > 0, c.code == 0)
    rows = conn.execute(query.group_by(c.evaluator_version_id, c.score).order_by(c.score))
    return [(version_id, float(score), int(count)) for version_id, score, count in rows]


def weighted_sums(conn: Connection, wanted: Wanted, weights: Mapping[str, float]) -> list[tuple[float, float]]:
    """Of each item with scores: the sum of score by weight, and that of the weights. Nothing without weights."""
    if not weights:
        return []
    c = _counted(conn, wanted).c
    weight = case(weights, value=c.evaluator_version_id, else_=0.0)
    query = select(func.sum(c.score * weight), func.sum(weight)).where(c.step > 0, c.code == 0)
    return [(float(total), float(of)) for total, of in conn.execute(query.group_by(c.item_id)) if of]


def target_numbers(conn: Connection, wanted: Wanted) -> list[tuple[int, int, int]]:
    """Duration in ms, input and output tokens of every answer of the target."""
    c = _counted(conn, wanted).c
    query = select(c.duration_ms, c.input_tokens, c.output_tokens).where(c.step == 0, c.code == 0)
    return [(int(d), int(i), int(o)) for d, i, o in conn.execute(query)]


def tokens_used(conn: Connection, wanted: Wanted) -> tuple[int, int]:
    """Input and output tokens of the target's answers and of judges, those without a score too."""
    c = _counted(conn, wanted).c
    asked, said = conn.execute(select(func.sum(c.input_tokens), func.sum(c.output_tokens))).one()
    return int(asked or 0), int(said or 0)


def progress(conn: Connection, wanted: Wanted) -> Progress:
    """How many items succeeded, failed, and are still to be ended."""
    if wanted.runs > 1:
        standing = standing_of(conn, wanted)
        busy = set().union(*standing.busy.values()) if standing.busy else set()
        done = (len(standing.succeeded - busy), len(standing.failed - busy))
        return Progress(*done, len(busy), len(standing.under_way))
    per_item = _per_item(conn, wanted.experiment_id).subquery()
    keys = (per_item.c.done, per_item.c.failed, per_item.c.unanswered)
    succeeded = failed = under_way = 0
    for done, failures, unanswered, count in conn.execute(select(*keys, func.count()).group_by(*keys)):
        if not _is_ended(done, unanswered, wanted.steps):
            under_way += count
        elif failures:
            failed += count
        else:
            succeeded += count
    busy = wanted.item_count - succeeded - failed if runs_under_way(conn, [wanted.experiment_id]) else 0
    return Progress(succeeded, failed, busy, under_way if busy else 0)


def standing_of(conn: Connection, wanted: Wanted) -> Standing:
    """Where each item stands, over all runs."""
    runs = runs_under_way(conn, [wanted.experiment_id])
    busy = {run["run_id"]: items_of(run, wanted.item_count) for run in runs}
    newest: dict[int, tuple[int, bool]] = {}
    under_way: set[int] = set()
    for item, run_id, number, done, failures, unanswered in conn.execute(_per_item(conn, wanted.experiment_id)):
        if _is_ended(done, unanswered, wanted.steps):
            newest[item] = max(newest.get(item, (0, False)), (number, not failures))
            busy.get(run_id, set()).discard(item)
        elif run_id in busy:
            under_way.add(item)
    succeeded = {item for item, (_, good) in newest.items() if good}
    return Standing(succeeded, newest.keys() - succeeded, busy, under_way)


def result_of(outcomes: Sequence[Row], steps: int) -> tuple[list[Row], bool]:
    """Of one item's outcomes in all its runs those that count, and whether they are the whole of it."""
    by_run: dict[int, list[Row]] = {}
    for outcome in outcomes:
        by_run.setdefault(outcome["number"], []).append(outcome)
    for _, some in sorted(by_run.items(), reverse=True):
        if is_whole(some, steps):
            return some, True
    return (by_run[max(by_run)], False) if by_run else ([], False)


def is_whole(outcomes: Sequence[Row], steps: int) -> bool:
    """Whether these outcomes of one run end the item."""
    return len(outcomes) == steps or any(o["step"] == 0 and o["code"] for o in outcomes)


def _is_ended(done: int, unanswered: int, steps: int) -> bool:
    return bool(done >= steps or unanswered)


def _joined(o: FromClause, r: FromClause) -> FromClause:
    return r.join(o, r.c.run_id == o.c.run_id)


def _valid(o: FromClause, r: FromClause, experiment_id: str) -> ColumnElement[bool]:
    before_the_end = or_(r.c.ended_position == 0, o.c.position < r.c.ended_position)
    return and_(r.c.experiment_id == experiment_id, before_the_end)


def _per_item(conn: Connection, experiment_id: str) -> Any:
    """Item index, run id and number, and how many of its outcomes are there, failed, and are a failed target's."""
    o, r = OUTCOMES.live(conn), RUNS.live(conn)
    keys = (o.c.item_index, r.c.run_id, r.c.number)
    failed = func.sum(case((o.c.code != 0, 1), else_=0)).label("failed")
    unanswered = func.sum(case((and_(o.c.code != 0, o.c.step == 0), 1), else_=0)).label("unanswered")
    query = select(*keys, func.count().label("done"), failed, unanswered).select_from(_joined(o, r))
    return query.where(_valid(o, r, experiment_id)).group_by(*keys)


def _counted(conn: Connection, wanted: Wanted) -> Subquery:
    """The outcomes that count."""
    o, r = OUTCOMES.live(conn), RUNS.live(conn)
    valid = _valid(o, r, wanted.experiment_id)
    if wanted.runs == 1:
        return select(o).select_from(_joined(o, r)).where(valid).subquery()
    ended = or_(func.count() >= wanted.steps, func.sum(case((and_(o.c.code != 0, o.c.step == 0), 1), else_=0)) > 0)
    ranked = (
        select(o.c.item_id, (r.c.number + case((ended, ENDED), else_=0)).label("rank"))
        .select_from(_joined(o, r))
        .where(valid)
        .group_by(o.c.item_id, r.c.number)
        .subquery()
    )
    best = select(ranked.c.item_id, func.max(ranked.c.rank).label("rank")).group_by(ranked.c.item_id).subquery()
    same = and_(best.c.item_id == o.c.item_id, or_(best.c.rank == r.c.number, best.c.rank == r.c.number + ENDED))
    return select(o).select_from(_joined(o, r).join(best, same)).where(valid).subquery()
