import pytest

from commands.command import To
from commands.experiments.decide import (
    ExperimentConfigInvalid,
    ExperimentEvaluatorRepeated,
    ExperimentNameInvalid,
    ExperimentNameTaken,
    ExperimentNotFound,
    ExperimentNotRunning,
)
from commands.experiments.messages import (
    CompleteRun,
    DeleteExperiment,
    KillExperiment,
    StartRun,
    TerminateRun,
)
from commands.reservations import claim, release
from events.experiments import (
    EvaluatorPin,
    ExperimentDeleted,
    FieldMapping,
    RunCompleted,
    RunKillRequested,
    RunStarted,
    RunTerminated,
)
from tests.specification import given
from tests.unit.experiments.examples import (
    CLAIM,
    CODE,
    EXPERIMENT,
    FROM_MISSING,
    NAME,
    PROMPT,
    RUN,
    SPACE,
    submit,
    submitted,
)

IDS = {"space_id": SPACE, "experiment_id": EXPERIMENT}
STARTED = RunStarted(experiment_id=EXPERIMENT, run_id=RUN)
RUNNING = given(submitted(), CLAIM, STARTED)


def test_submitting_pins_everything_and_claims_the_name():
    given().when(submit()).then(submitted(), CLAIM)


def test_a_name_held_by_another_experiment_is_refused():
    other = claim(SPACE, "experiment_name", NAME, "999")
    given(other).when(submit()).then_refused(ExperimentNameTaken, "first-try")


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 201, "né", "a/b"])
def test_a_name_outside_the_rule_is_refused(name):
    given().when(submit(name=name)).then_refused(ExperimentNameInvalid, "name")


@pytest.mark.parametrize("name", ["a", "9", "评测-1.2_x", "x" * 200])
def test_a_name_within_the_rule_is_taken(name):
    given().when(submit(name=name)).then(submitted(name=name), CLAIM)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"item_count": 0}, "eval_set_version_id"),
        ({"concurrency": 0}, "item_concur_num"),
        ({"concurrency": 201}, "item_concur_num"),
        ({"description": "x" * 201}, "desc"),
        ({"evaluators_concurrency": 0}, "evaluators_concur_num"),
        ({"evaluators_concurrency": 201}, "evaluators_concur_num"),
        ({"item_retries": -1}, "item_retry_num"),
        ({"item_retries": 11}, "item_retry_num"),
        ({"longest_life_ms": -1}, "max_alive_time"),
        ({"score_weights": {"410": -0.5}}, "score_weight"),
        ({"score_weights": {"410": float("nan")}}, "score_weight"),
        ({"evaluators": ()}, "evaluator_version_ids"),
        ({"prompt": PROMPT, "target_mapping": (FROM_MISSING,)}, "target_field_mapping"),
        ({"evaluators": (CODE.model_copy(update={"mapping": (FROM_MISSING,)}),)}, "evaluator_field_mapping"),
        (
            {
                "evaluators": (
                    CODE.model_copy(update={"mapping": (FieldMapping(field="x", from_target="actual_output"),)}),
                )
            },
            "evaluator_field_mapping",
        ),
    ],
)
def test_a_configuration_that_cannot_run_is_refused_with_the_field_named(changed, names):
    given().when(submit(**changed)).then_refused(ExperimentConfigInvalid, names)


def test_the_targets_output_may_be_mapped_when_there_is_a_target():
    pin = CODE.model_copy(update={"mapping": (FieldMapping(field="x", from_target="actual_output"),)})
    given().when(submit(prompt=PROMPT, evaluators=(pin,))).then(submitted(prompt=PROMPT, evaluators=(pin,)), CLAIM)


def test_an_evaluator_version_named_twice_is_refused():
    twin = EvaluatorPin(id="401", version_id="410", version="0.0.1")
    given().when(submit(evaluators=(CODE, twin))).then_refused(ExperimentEvaluatorRepeated)


def test_a_run_starts_once():
    given(submitted(), CLAIM).when(StartRun(**IDS, run_id=RUN)).then(STARTED)
    RUNNING.when(StartRun(**IDS, run_id=RUN)).then_nothing_happened()


def test_a_run_completes_once_and_only_the_run_under_way():
    done = CompleteRun(**IDS, run_id=RUN, succeeded=2, failed=1)
    completed = RunCompleted(experiment_id=EXPERIMENT, run_id=RUN, succeeded=2, failed=1, still_running=0)
    after = RUNNING.when(done).then(completed)
    after.when(done).then_nothing_happened()
    RUNNING.when(CompleteRun(**IDS, run_id="601", succeeded=3, failed=0)).then_nothing_happened()


def test_a_running_experiment_can_be_killed_and_then_terminates():
    killed = RUNNING.when(KillExperiment(**IDS)).then(RunKillRequested(experiment_id=EXPERIMENT, run_id=RUN))
    terminated = RunTerminated(experiment_id=EXPERIMENT, run_id=RUN, still_running=0)
    ended = killed.when(TerminateRun(**IDS, run_id=RUN)).then(terminated)
    ended.when(KillExperiment(**IDS)).then_refused(ExperimentNotRunning)
    ended.when(TerminateRun(**IDS, run_id=RUN)).then_nothing_happened()


def test_deleting_gives_the_name_back_and_ends_a_run_under_way():
    RUNNING.when(DeleteExperiment(**IDS)).then(
        RunKillRequested(experiment_id=EXPERIMENT, run_id=RUN),
        ExperimentDeleted(experiment_id=EXPERIMENT, name_reservation=NAME),
        release(SPACE, "experiment_name", NAME, EXPERIMENT),
    ).when(DeleteExperiment(**IDS)).then_refused(ExperimentNotFound)


def test_a_name_given_back_can_be_claimed_again():
    gone = release(SPACE, "experiment_name", NAME, "499")
    held = claim(SPACE, "experiment_name", NAME, "499")
    assert isinstance(gone, To)
    given(held, gone).when(submit()).then(submitted(), CLAIM)


def test_an_unknown_experiment_can_neither_be_killed_nor_deleted():
    given().when(KillExperiment(**IDS)).then_refused(ExperimentNotFound)
    given().when(DeleteExperiment(**IDS)).then_refused(ExperimentNotFound)


def test_weights_of_nothing_are_no_weights():
    given().when(submit(score_weights={"410": 0.0})).then(submitted(), CLAIM)
    given().when(submit(score_weights={"410": 0.5})).then(submitted(score_weights={"410": 0.5}), CLAIM)
