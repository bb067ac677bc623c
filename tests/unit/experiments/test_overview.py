"""What a page shows around experiments, and how many statements that is."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from commands.experiments.experiment import step_stream
from cozeloop.api.experiments.overview import Stats, overview, wanted_of
from projections import READ_MODELS
from projections.experiments.experiments import get_experiments
from projections.experiments.results import Progress, progress, score_counts, tokens_used
from tests.projected import Projected
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
    SPACE,
    STREAM,
    answered,
    completed,
    scored,
    submitted,
    terminated,
    unanswered,
    unscored,
)

ALONE = (scored(0, 1.0), unscored(1), scored(2, 0.5))
BOTH = (answered(0), scored(0), answered(1), unanswered(2))


def experiment(prompt: Any, *events: Any) -> Projected:
    world = Projected(*READ_MODELS).happened(STREAM, submitted(item_count=4, prompt=prompt))
    for each in events:
        where = STREAM
        if hasattr(each, "item_id"):
            where = step_stream(SPACE, each.run_id, each.item_id, getattr(each, "step", 0))
        world.happened(where, each)
    return world


def looked_at(conn: Connection) -> tuple[Stats, Stats, list[str]]:
    """The experiment's stats as a page shows them and as its outcomes say, with the statements of the page."""
    rows, said = get_experiments(conn, [EXPERIMENT]), []

    def heard(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(conn, "before_cursor_execute", heard)
    [shown] = overview(conn, rows).stats
    event.remove(conn, "before_cursor_execute", heard)
    wanted = wanted_of(rows[0])
    counted = Stats(progress(conn, wanted), score_counts(conn, wanted), tokens_used(conn, wanted))
    return shown, counted, said


@pytest.mark.parametrize("end", [(), (terminated(),), (terminated(), scored(3, 1.0)), (completed(1, 3, 1),)])
@pytest.mark.parametrize(("prompt", "events"), [(None, ALONE), (PROMPT, BOTH), (None, ()), (PROMPT, ())])
def test_the_stats_of_a_page_are_what_the_outcomes_come_to(prompt: Any, events: tuple[Any, ...], end: tuple[Any, ...]):
    shown, counted, _ = experiment(prompt, *events, *end).query(looked_at)
    assert shown == counted


def test_watching_a_run_of_one_step_reads_none_of_its_outcomes():
    _, _, said = experiment(None, *ALONE).query(looked_at)
    assert (len(said), [s for s in said if "experiment_outcomes" in s]) == (4, [])


def test_a_run_of_several_steps_is_counted_by_one_statement_over_an_index():
    _, _, said = experiment(PROMPT, *BOTH).query(looked_at)
    assert (len(said), len([s for s in said if "experiment_outcomes" in s])) == (7, 1)


def test_of_a_run_in_which_everything_succeeded_nothing_is_counted_any_more():
    steps = [each for item in range(4) for each in (answered(item), scored(item))]
    shown, counted, said = experiment(PROMPT, *steps, completed(1, 4, 0)).query(looked_at)
    assert (shown, shown.stand, len(said)) == (counted, Progress(4, 0, 0, 0), 5)
