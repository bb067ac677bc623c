from commands.experiments.experiment import step_stream
from events.experiments import ExperimentDeleted, RunExpired, RunStarted
from projections.experiments import EXPERIMENTS, OUTCOMES, RUNS
from projections.experiments.experiments import ExperimentFilter, count_running, get_experiments, list_experiments
from projections.experiments.results import (
    Progress,
    Wanted,
    outcomes_of,
    progress,
    result_of,
    score_counts,
    standing_of,
    target_numbers,
    tokens_used,
    weighted_sums,
)
from projections.experiments.runs import runs_under_way
from tests.projected import Projected
from tests.unit.experiments.examples import (
    EXPERIMENT,
    NAME,
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

IDS = {"experiment_id": EXPERIMENT, "run_id": RUN}


def outcomes(*events, of=None):
    world = Projected(OUTCOMES, RUNS).happened(STREAM, of or submitted(item_count=4))
    for event in events:
        if hasattr(event, "item_index"):
            stream = step_stream(SPACE, event.run_id, event.item_id, getattr(event, "step", 0))
        else:
            stream = STREAM
        world = world.happened(stream, event)
    return world


def wanted(steps=1, runs=1):
    return Wanted(EXPERIMENT, 4, steps, runs)


def test_a_submitted_experiment_is_pending_and_counts_as_running():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted())
    world.then_rows({"experiment_id": EXPERIMENT, "status": 2, "item_count": 3, "name": "first-try"})
    assert world.query(count_running, SPACE) == 1


def test_a_completed_run_shows_its_final_status():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), RunStarted(**IDS), completed(1, 2, 1))
    world.then_rows({"status": 12, "runs": 1, "run_id": RUN, "expired": 0})
    assert world.query(count_running, SPACE) == 0


def test_a_deleted_experiment_is_in_no_list():
    deleted = ExperimentDeleted(experiment_id=EXPERIMENT, name_reservation=NAME)
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), deleted)
    assert world.query(get_experiments, [EXPERIMENT]) == []
    assert world.query(list_experiments, ExperimentFilter(SPACE), "created_at", False, 1, 20) == ([], 0)


def test_a_list_is_narrowed_by_name_status_and_set():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), terminated())
    for wanted, found in (
        (ExperimentFilter(SPACE, name_like="FIRST"), 1),
        (ExperimentFilter(SPACE, name_like="%"), 0),
        (ExperimentFilter(SPACE, statuses=(13,)), 1),
        (ExperimentFilter(SPACE, statuses=(3,)), 0),
        (ExperimentFilter(SPACE, dataset_ids=("200",)), 1),
        (ExperimentFilter("12"), 0),
    ):
        assert world.query(list_experiments, wanted, "created_at", False, 1, 20)[1] == found


def test_a_retried_experiment_is_processing_until_its_last_run_has_ended():
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), completed(1, 2, 1), retried(2, "items"))
    world.then_rows({"status": 3, "runs": 2, "run_id": run_of(2), "ended_at": 0})
    world = world.happened(STREAM, retried(3, "items"), completed(3, still_running=1))
    world.then_rows({"status": 3, "runs": 3})
    world.happened(STREAM, completed(2)).then_rows({"status": 11, "runs": 3})


def test_what_outlived_its_deadline_has_failed_until_it_is_retried():
    expired = RunExpired(**IDS, still_running=0)
    world = Projected(EXPERIMENTS).happened(STREAM, submitted(), expired)
    world.then_rows({"status": 12, "expired": 1})
    world.happened(STREAM, retried()).then_rows({"status": 3, "expired": 0})


def test_scores_are_counted_by_value_and_failures_are_left_out():
    world = outcomes(scored(0, 1.0), scored(1, 0.0), scored(2, 1.0), unscored(3))
    assert world.query(score_counts, wanted()) == [("410", 0.0, 1), ("410", 1.0, 2)]


def test_progress_tells_succeeded_failed_and_under_way_apart():
    events = (answered(0), scored(0), answered(1), unanswered(2), answered(3), unscored(3))
    world = outcomes(*events, of=submitted(item_count=4, prompt=PROMPT))
    assert world.query(progress, wanted(2)) == Progress(1, 2, 1, 1)
    assert world.query(target_numbers, wanted(2)) == [(7, 5, 1)] * 3


def test_of_an_ended_run_nothing_is_busy():
    world = outcomes(scored(0), terminated())
    assert world.query(progress, wanted()) == Progress(1, 0, 0, 0)
    assert world.query(runs_under_way, [EXPERIMENT]) == []


def test_an_outcome_after_the_run_had_ended_does_not_count():
    world = outcomes(scored(0), terminated(), scored(1))
    assert world.query(score_counts, wanted()) == [("410", 1.0, 1)]
    assert [r["item_index"] for r in world.query(outcomes_of, EXPERIMENT, ["1000", "1001"])] == [0]


def test_an_items_result_is_that_of_the_newest_run_that_ended_it():
    first = (scored(0, 0.0), scored(1, 0.0), unscored(2), scored(3, 0.0), completed(1, 3, 1))
    world = outcomes(*first, retried(2, "items", "6"), scored(1, 1.0, run=2))
    assert world.query(score_counts, wanted(runs=2)) == [("410", 0.0, 2), ("410", 1.0, 1)]
    assert world.query(progress, wanted(runs=2)) == Progress(3, 0, 1, 0), "the failed one is still to be repeated"
    standing = world.query(standing_of, wanted(runs=2))
    assert (standing.succeeded, standing.failed, standing.busy) == ({0, 1, 3}, {2}, {run_of(2): {2}})
    done = world.happened(step_stream(SPACE, run_of(2), "1002", 1), scored(2, 0.5, run=2))
    assert done.query(score_counts, wanted(runs=2)) == [("410", 0.0, 2), ("410", 0.5, 1), ("410", 1.0, 1)]
    assert done.query(progress, wanted(runs=2)) == Progress(4, 0, 0, 0)


def test_until_a_run_has_ended_an_item_its_former_result_stands():
    with_target = submitted(item_count=4, prompt=PROMPT)
    first = (answered(0), scored(0, 0.25), unanswered(1), completed(1, 1, 3), retried(2, "all", "f"))
    world = outcomes(*first, answered(0, run=2), answered(1, run=2), of=with_target)
    counts = wanted(2, runs=2)
    assert world.query(score_counts, counts) == [("410", 0.25, 1)]
    assert world.query(progress, counts) == Progress(0, 0, 4, 2)
    for item, runs in (("1000", {RUN}), ("1001", {RUN})):
        shown, whole = result_of(world.query(outcomes_of, EXPERIMENT, [item]), 2)
        assert ({o["run_id"] for o in shown}, whole) == (runs, True)
    killed = world.happened(STREAM, terminated(2))
    assert killed.query(progress, counts) == Progress(1, 1, 0, 0), "what was not repeated keeps its result"
    assert killed.query(target_numbers, counts) == [(7, 5, 1)]


def test_what_no_run_has_ended_shows_what_the_newest_one_came_to():
    with_target = submitted(item_count=4, prompt=PROMPT)
    events = (answered(0), terminated(), retried(2, "failures", "f"), answered(0, run=2))
    world = outcomes(*events, of=with_target)
    shown, whole = result_of(world.query(outcomes_of, EXPERIMENT, ["1000"]), 2)
    assert ([o["run_id"] for o in shown], whole) == ([run_of(2)], False)
    assert world.query(target_numbers, wanted(2, runs=2)) == [(7, 5, 1)], "each item counts once"


def test_weighted_sums_are_by_item_over_the_evaluators_that_scored():
    two = [{"id": "400", "version_id": v, "version": "0.0.1"} for v in ("410", "411")]
    other = scored(0, 0.5, step=2).model_copy(update={"evaluator_version_id": "411"})
    world = outcomes(scored(0, 1.0), other, scored(1, 1.0), unscored(2), of=submitted(item_count=4, evaluators=two))
    weights = {"410": 0.25, "411": 0.75}
    assert sorted(world.query(weighted_sums, wanted(2), weights)) == [(0.25, 0.25), (0.625, 1.0)]
    assert world.query(weighted_sums, wanted(2), {}) == []
    assert world.query(weighted_sums, wanted(2), {"411": 1.0}) == [(0.5, 1.0)], "who weighs nothing does not count"


def test_a_second_outcome_of_the_same_step_never_replaces_the_first():
    outcomes(scored(0, 1.0), scored(0, 0.0)).then_rows({"score": 1.0, "item_index": 0})


def test_the_tokens_of_targets_and_judges_are_counted_whether_they_scored_or_not():
    used = {"input_tokens": 10, "output_tokens": 2}
    world = outcomes(scored(0).model_copy(update=used), unscored(1).model_copy(update=used), scored(2))
    assert world.query(tokens_used, wanted()) == (20, 4)
    assert outcomes(answered(0), unanswered(1)).query(tokens_used, wanted()) == (5, 1)
