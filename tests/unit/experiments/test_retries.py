"""Further runs of an experiment: when one may begin, what ends it, and what becomes of the experiment's status."""

from datetime import timedelta

import pytest

from commands.experiments import DECIDERS
from commands.experiments.decide import (
    ExperimentEnding,
    ExperimentItemRetrying,
    ExperimentNotFound,
    ExperimentRunning,
)
from commands.experiments.experiment import Status
from commands.experiments.messages import (
    CompleteRun,
    DeleteExperiment,
    ExpireRun,
    KillExperiment,
    RetryExperiment,
    StartRun,
    TerminateRun,
)
from events.experiments import (
    ExperimentDeleted,
    ExperimentRetried,
    RunCompleted,
    RunExpired,
    RunKillRequested,
    RunStarted,
    RunTerminated,
)
from tests.specification import NOW, given
from tests.unit.experiments.examples import (
    CLAIM,
    EXPERIMENT,
    NAME,
    NOW_MS,
    RUN,
    SPACE,
    retried,
    run_of,
    submitted,
)

IDS = {"space_id": SPACE, "experiment_id": EXPERIMENT}
STARTED = RunStarted(experiment_id=EXPERIMENT, run_id=RUN)


def completed(run: int = 1, succeeded: int = 2, failed: int = 1, still_running: int = 0) -> RunCompleted:
    counts = {"succeeded": succeeded, "failed": failed, "still_running": still_running}
    return RunCompleted(experiment_id=EXPERIMENT, run_id=run_of(run), **counts)


def retry(mode: str = "failures", items: str = "4", number: int = 2, **more: object) -> RetryExperiment:
    return RetryExperiment.model_validate({**IDS, "run_id": run_of(number), "mode": mode, "items": items, **more})


def complete(run: int) -> CompleteRun:
    return CompleteRun(**IDS, run_id=run_of(run), succeeded=3, failed=0)


def status(world) -> Status:
    return world.state(DECIDERS[KillExperiment]).status


RUNNING = given(submitted(), CLAIM, STARTED)
OVER = RUNNING.and_then(completed())
ENDS = [
    completed(),
    RunTerminated(experiment_id=EXPERIMENT, run_id=RUN, still_running=0),
    RunExpired(experiment_id=EXPERIMENT, run_id=RUN, still_running=0),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("mode", ["all", "failures", "items"])
def test_what_is_over_however_it_ended_is_run_again(end, mode):
    again = RUNNING.and_then(end).when(retry(mode)).then(retried(2, mode, "4"))
    assert status(again) is Status.PROCESSING


@pytest.mark.parametrize("mode", ["all", "failures"])
def test_while_a_run_is_under_way_neither_all_nor_failures_are_repeated(mode):
    for world in (given(submitted(), CLAIM), RUNNING, OVER.and_then(retried())):
        world.when(retry(mode, number=3)).then_refused(ExperimentRunning)


def test_of_two_retries_the_second_is_refused():
    first = OVER.when(retry("all", "7")).then(retried(2, "all", "7"))
    first.when(retry("all", "7", number=3)).then_refused(ExperimentRunning)
    first.when(retry("items", "1", number=3)).then_refused(ExperimentItemRetrying, "item_ids")


def test_items_that_a_run_under_way_has_ended_join_it():
    RUNNING.when(retry("items", "1")).then_refused(ExperimentItemRetrying)
    joined = RUNNING.when(retry("items", "1", settled_in=[RUN])).then(retried(2, "items", "1"))
    joined.when(retry("items", "3", number=3, settled_in=[RUN])).then_refused(ExperimentItemRetrying)
    joined.when(retry("items", "6", number=3, settled_in=[RUN])).then(retried(3, "items", "6"))


def test_nothing_joins_what_is_ending():
    ending = RUNNING.when(KillExperiment(**IDS)).then(RunKillRequested(experiment_id=EXPERIMENT, run_id=RUN))
    ending.when(retry("items", "1", settled_in=[RUN])).then_refused(ExperimentEnding)
    ending.when(retry("all")).then_refused(ExperimentRunning)


def test_what_is_deleted_or_unknown_is_not_run_again():
    gone = OVER.and_then(ExperimentDeleted(experiment_id=EXPERIMENT, name_reservation=NAME))
    for world in (given(), gone):
        world.when(retry()).then_refused(ExperimentNotFound)


def test_the_experiment_is_processing_while_any_run_is():
    both = RUNNING.and_then(retried(2, "items", "1"))
    one = both.when(complete(1)).then(completed(1, 3, 0, still_running=1))
    assert status(one) is Status.PROCESSING
    none = one.when(complete(2)).then(completed(2, 3, 0, still_running=0))
    assert status(none) is Status.SUCCESS
    none.when(complete(1)).then_nothing_happened()


def test_a_kill_ends_every_run():
    kills = [RunKillRequested(experiment_id=EXPERIMENT, run_id=run_of(n)) for n in (1, 2)]
    both = RUNNING.and_then(retried(2, "items", "1"))
    killed = both.when(KillExperiment(**IDS)).then(*kills)
    one = killed.when(TerminateRun(**IDS, run_id=RUN)).then(
        RunTerminated(experiment_id=EXPERIMENT, run_id=RUN, still_running=1)
    )
    assert status(one) is Status.TERMINATING
    none = one.when(TerminateRun(**IDS, run_id=run_of(2))).then(
        RunTerminated(experiment_id=EXPERIMENT, run_id=run_of(2), still_running=0)
    )
    assert status(none) is Status.TERMINATED


def test_deleting_ends_every_run():
    both = RUNNING.and_then(retried(2, "items", "1"))
    happened = both.when(DeleteExperiment(**IDS)).events
    assert [e.run_id for e in happened if isinstance(e, RunKillRequested)] == [RUN, run_of(2)]


def test_a_retry_starts_once_and_not_after_its_kill():
    start = StartRun(**IDS, run_id=run_of(2))
    again = OVER.and_then(retried())
    again.when(start).then(RunStarted(experiment_id=EXPERIMENT, run_id=run_of(2)))
    kill = RunKillRequested(experiment_id=EXPERIMENT, run_id=run_of(2))
    again.and_then(kill).when(start).then_nothing_happened()


def test_what_a_former_run_still_says_changes_nothing():
    again = OVER.and_then(retried())
    for stale in (complete(1), StartRun(**IDS, run_id=RUN), TerminateRun(**IDS, run_id=RUN)):
        again.when(stale).then_nothing_happened()


def test_a_deadline_is_set_when_a_run_is_asked_for_and_ends_it_when_it_has_come():
    life = {"longest_life_ms": 5000}
    alive = given(submitted(**life), CLAIM, STARTED)
    expire = ExpireRun(**IDS, run_id=RUN)
    alive.when(expire, at=NOW + timedelta(milliseconds=4999)).then_nothing_happened()
    ended = alive.when(expire, at=NOW + timedelta(milliseconds=5000)).then(
        RunExpired(experiment_id=EXPERIMENT, run_id=RUN, still_running=0)
    )
    assert status(ended) is Status.FAILED
    ended.when(expire, at=NOW + timedelta(days=1)).then_nothing_happened()
    later = NOW + timedelta(days=1)
    ended.when(retry("all", "7"), at=later).then(retried(2, "all", "7", NOW_MS + 86_400_000 + 5000))


def test_a_run_without_a_deadline_never_expires():
    RUNNING.when(ExpireRun(**IDS, run_id=RUN), at=NOW + timedelta(days=9999)).then_nothing_happened()


def test_an_experiment_of_before_there_were_deadlines_gets_the_installations():
    OVER.when(retry("all", "7", longest_life_ms=1000)).then(retried(2, "all", "7", NOW_MS + 1000))


def test_an_empty_retry_is_a_run_too():
    assert isinstance(OVER.when(retry("failures", "0")).events[0], ExperimentRetried)
