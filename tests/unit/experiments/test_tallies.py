"""What was tallied is what counting the outcomes comes to."""

from __future__ import annotations

from typing import Any

import pytest

from commands.experiments.experiment import step_stream
from projections.experiments import EXPERIMENTS, OUTCOMES, RUNS, TALLIES
from projections.experiments.results import Wanted, score_counts, tokens_used
from projections.experiments.tallies import Tally, tallies
from tests.projected import Projected
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
    RUN,
    SPACE,
    STREAM,
    answered,
    completed,
    retried,
    run_of,
    scored,
    submitted,
    terminated,
    unanswered,
    unscored,
)

WANTED = Wanted(EXPERIMENT, 4, 2)
FIRST = (answered(0), scored(0, 0.25), answered(1), unscored(1), unanswered(2), answered(3), scored(3, 0.25))


def tallied(*events: Any) -> Projected:
    world = Projected(TALLIES, EXPERIMENTS, RUNS, OUTCOMES).happened(STREAM, submitted(item_count=4, prompt=PROMPT))
    for event in events:
        where = STREAM
        if hasattr(event, "item_id"):
            where = step_stream(SPACE, event.run_id, event.item_id, getattr(event, "step", 0))
        world.happened(where, event)
    return world


@pytest.mark.parametrize("events", [FIRST, (*FIRST, completed(1, 2, 2)), (*FIRST[:4], terminated(), *FIRST[4:]), ()])
def test_a_runs_tally_is_what_its_outcomes_come_to(events: tuple[Any, ...]):
    world = tallied(*events)
    tally = world.query(tallies, [RUN])[RUN]
    assert tally.scores == world.query(score_counts, WANTED)
    assert tally.tokens == world.query(tokens_used, WANTED)
    assert tally.under_way == (len(events) in (0, len(FIRST)))


def test_an_outcome_after_the_run_had_ended_is_in_no_tally():
    world = tallied(answered(0), terminated(), scored(0, 1.0), answered(1), unanswered(2))
    assert world.query(tallies, [RUN]) == {RUN: Tally(outcomes=1, tokens=(5, 1))}


def test_each_run_has_its_own():
    world = tallied(answered(0), scored(0, 1.0), completed(1, 1, 3), retried(2, "all"), answered(0, run=2))
    found = world.query(tallies, [RUN, run_of(2), "1"])
    assert {run: (t.outcomes, t.under_way) for run, t in found.items()} == {RUN: (2, False), run_of(2): (1, True)}


def test_failures_of_targets_and_evaluators_are_told_apart_from_answers():
    tally = tallied(*FIRST).query(tallies, [RUN])[RUN]
    assert (tally.outcomes, tally.failed, tally.scores) == (7, 2, [("410", 0.25, 2)])
