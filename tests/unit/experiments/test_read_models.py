from commands.experiments.experiment import step_stream
from events.experiments import ExperimentDeleted, RunCompleted, RunStarted, RunTerminated
from projections.experiments import EXPERIMENTS, OUTCOMES
from projections.experiments.experiments import ExperimentFilter, count_running, get_experiments, list_experiments
from projections.experiments.outcomes import outcomes_of, progress, score_counts, target_numbers
from tests.projected import Projected
from tests.unit.experiments.examples import (
    EXPERIMENT,
    NAME,
    RUN,
    SPACE,
    STREAM,
    answered,
    scored,
    submitted,
    unanswered,
    unscored,
)

IDS = {"experiment_id": EXPERIMENT, "run_id": RUN}


def outcomes(*events):
    world = Projected(OUTCOMES)
    for event in events:
        step = getattr(event, "step", 0)
        world = world.happened(step_stream(SPACE, RUN, event.item_id, step), event)
    return world


def test_a_submitted_experiment_is_pending_and_counts_as_running():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted())
    world.then_rows({"experiment_id": EXPERIMENT, "status": 2, "item_count": 3, "name": "first-try"})
    assert world.query(count_running, SPACE) == 1


def test_a_completed_run_shows_its_final_status_with_its_counts():
    completed = RunCompleted(**IDS, succeeded=2, failed=1)
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), RunStarted(**IDS), completed)
    world.then_rows({"status": 12, "succeeded": 2, "failed": 1, "ended_position": 3})
    assert world.query(count_running, SPACE) == 0


def test_a_deleted_experiment_is_in_no_list():
    deleted = ExperimentDeleted(experiment_id=EXPERIMENT, name_reservation=NAME)
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), deleted)
    assert world.query(get_experiments, [EXPERIMENT]) == []
    assert world.query(list_experiments, ExperimentFilter(SPACE), "created_at", False, 1, 20) == ([], 0)


def test_a_list_is_narrowed_by_name_status_and_set():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), RunTerminated(**IDS))
    for wanted, found in (
        (ExperimentFilter(SPACE, name_like="FIRST"), 1),
        (ExperimentFilter(SPACE, name_like="%"), 0),
        (ExperimentFilter(SPACE, statuses=(13,)), 1),
        (ExperimentFilter(SPACE, statuses=(3,)), 0),
        (ExperimentFilter(SPACE, dataset_ids=("200",)), 1),
        (ExperimentFilter("12"), 0),
    ):
        assert world.query(list_experiments, wanted, "created_at", False, 1, 20)[1] == found


def test_scores_are_counted_by_value_and_failures_are_left_out():
    world = outcomes(scored(0, 1.0), scored(1, 0.0), scored(2, 1.0), unscored(3))
    assert world.query(score_counts, RUN) == [("410", 0.0, 1), ("410", 1.0, 2)]


def test_progress_tells_succeeded_failed_and_under_way_apart():
    world = outcomes(answered(0), scored(0), answered(1), unanswered(2), answered(3), unscored(3))
    assert world.query(progress, RUN, 2) == (1, 2, 1)
    assert world.query(target_numbers, RUN) == [(7, 5, 1)] * 3


def test_an_outcome_after_the_run_had_ended_does_not_count():
    world = outcomes(scored(0), scored(1))
    assert world.query(score_counts, RUN, 2) == [("410", 1.0, 1)]
    assert [r["item_index"] for r in world.query(outcomes_of, RUN, ["1000", "1001"], 2)] == [0]


def test_a_second_outcome_of_the_same_step_never_replaces_the_first():
    outcomes(scored(0, 1.0), scored(0, 0.0)).then_rows({"score": 1.0, "item_index": 0})
