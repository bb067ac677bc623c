"""Which outcomes count after several runs: the same on the three databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.experiments.experiment import step_stream
from cozeloop.projecting import Projection
from events.experiments import RunCompleted, RunTerminated
from infra.sql import open_database
from infra.sql.database import SqlDatabase
from projections.experiments import EXPERIMENTS, OUTCOMES, RUNS, TALLIES
from projections.experiments.results import (
    Progress,
    Wanted,
    outcomes_of,
    progress,
    result_of,
    score_counts,
    standing_of,
    target_numbers,
    weighted_sums,
)
from projections.experiments.runs import runs_under_way
from projections.experiments.tallies import Tally, tallies
from tests.databases import KINDS, fresh_database
from tests.projected import History
from tests.read_models import HeldLog
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
    RUN,
    SPACE,
    STREAM,
    answered,
    retried,
    run_of,
    scored,
    submitted,
    unanswered,
)

WANTED = Wanted(EXPERIMENT, 4, 2, 3)


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.database(kind)) for kind in KINDS])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlDatabase]:
    async with fresh_database(request.param, tmp_path) as address:
        opened = open_database(address)
        yield opened
        await opened.close()


async def test_each_item_counts_once_as_the_newest_run_that_ended_it_left_it(database: SqlDatabase) -> None:
    history = History()

    def happened(*events: object) -> None:
        for event in events:
            step = getattr(event, "step", 0)
            where = step_stream(SPACE, event.run_id, event.item_id, step) if hasattr(event, "item_id") else STREAM
            history.happened(where, event)

    done = RunCompleted(experiment_id=EXPERIMENT, run_id=RUN, succeeded=2, failed=2, still_running=0)
    killed = RunTerminated(experiment_id=EXPERIMENT, run_id=run_of(2), still_running=0)
    happened(submitted(item_count=4, prompt=PROMPT))
    happened(answered(0), scored(0, 0.25), answered(1), scored(1, 0.25), unanswered(2), unanswered(3), done)
    happened(retried(2, "failures", "c"), answered(2, run=2), scored(2, 0.5, run=2), answered(3, run=2), killed)
    happened(scored(3, 1.0, run=2), retried(3, "all", "f"))
    happened(answered(0, run=3), scored(0, 1.0, run=3), answered(1, run=3))

    projection = Projection(database, [EXPERIMENTS, RUNS, OUTCOMES, TALLIES], HeldLog(history.recorded))
    await projection.open()
    await projection.apply(history.recorded)

    counts = [("410", 0.25, 1), ("410", 0.5, 1), ("410", 1.0, 1)]
    assert await database.read(score_counts, WANTED) == counts
    assert await database.read(progress, WANTED) == Progress(1, 0, 3, 1)
    assert len(await database.read(target_numbers, WANTED)) == 3, "the answer of a killed run to item 3 is no result"
    sums = await database.read(weighted_sums, WANTED, {"410": 2.0})
    assert sorted(sums) == [(0.5, 2.0), (1.0, 2.0), (2.0, 2.0)]
    standing = await database.read(standing_of, WANTED)
    assert (standing.succeeded, standing.failed) == ({0, 1, 2}, {3})
    assert (standing.busy, standing.under_way) == ({run_of(3): {1, 2, 3}}, {1})
    shown = {}
    for item in range(4):
        found, whole = result_of(await database.read(outcomes_of, EXPERIMENT, [str(1000 + item)]), 2)
        shown[item] = ({o["run_id"] for o in found}, whole)
    assert shown == {0: ({run_of(3)}, True), 1: ({RUN}, True), 2: ({run_of(2)}, True), 3: ({RUN}, True)}
    assert [r["run_id"] for r in await database.read(runs_under_way, [EXPERIMENT])] == [run_of(3)]
    scores = [("410", 0.25, 2)]
    assert await database.read(tallies, [RUN, run_of(2), run_of(3)]) == {
        RUN: Tally(outcomes=6, failed=2, scores=scores, tokens=(10, 2)),
        run_of(2): Tally(outcomes=3, scores=[("410", 0.5, 1)], tokens=(10, 2)),
        run_of(3): Tally(under_way=True, outcomes=3, scores=[("410", 1.0, 1)], tokens=(10, 2)),
    }
