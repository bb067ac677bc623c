from commands.experiments.messages import CompleteRun, ExpireRun, StartRun, TerminateRun
from cozeloop.workflows.experiments import (
    CHUNK,
    Dequeue,
    Enqueue,
    Phase,
    begin,
    due,
    evolve,
    put_away,
    react,
    resume,
)
from cozeloop.workflows.states import decode, encode
from events.experiments import RunCompleted, RunExpired, RunKillRequested, RunStarted, RunTerminated
from events.spaces import SpaceKeyDestroyed
from tests.projected import History
from tests.unit.experiments.examples import (
    EXPERIMENT,
    NOW_MS,
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
    unscored,
)

IDS = {"experiment_id": EXPERIMENT, "run_id": RUN}
STARTED, KILLED = RunStarted(**IDS), RunKillRequested(**IDS)
ENDED, EXPIRED = RunTerminated(**IDS, still_running=0), RunExpired(**IDS, still_running=0)
COMPLETED = RunCompleted(**IDS, succeeded=3, failed=0, still_running=0)
COMMAND = {"space_id": SPACE, **IDS}
SECOND = COMMAND | {"run_id": run_of(2)}


def after(*events, **changed):
    """The experiment after these events; what is over was put away as events came."""
    experiment = begin(History().happened(STREAM, submitted(**changed))[0])
    for event in events:
        experiment = evolve(put_away(experiment), event)
    return experiment


def run(experiment, number=1):
    return experiment.runs[run_of(number)]


def test_a_submitted_run_is_queued_and_started_once():
    experiment, effects = react(after())
    assert effects == [Enqueue(RUN), StartRun(**COMMAND)]
    assert react(experiment)[1] == []
    assert react(evolve(experiment, STARTED))[1] == []


def test_a_run_is_completed_when_the_last_item_has_its_outcome():
    experiment, _ = react(after(STARTED, scored(0), unscored(2)))
    assert react(experiment)[1] == []
    experiment, effects = react(evolve(experiment, scored(1)))
    assert effects == [CompleteRun(**COMMAND, succeeded=2, failed=1)]
    assert react(experiment)[1] == []


def test_the_same_outcome_twice_counts_once():
    found = run(after(scored(0), scored(0), unscored(0)))
    assert (found.settled.bit_count(), found.failed.bit_count()) == (1, 0)


def test_an_item_with_a_target_is_settled_when_every_evaluator_has_spoken_in_any_order():
    experiment = after(answered(0), prompt=PROMPT)
    assert run(experiment).settled == 0
    assert run(evolve(experiment, scored(0))).settled == 1
    assert run(after(scored(0), answered(0), prompt=PROMPT)).settled == 1


def test_an_item_whose_target_failed_is_settled_and_failed():
    found = run(after(unanswered(1), prompt=PROMPT))
    assert (found.settled, found.failed, found.partial) == (0b10, 0b10, {})


def test_an_item_fails_when_one_of_its_evaluators_fails():
    pins = [{"id": "400", "version_id": v, "version": "0.0.1"} for v in ("410", "411")]
    experiment = after(unscored(0, step=1), evaluators=pins)
    assert run(experiment).settled == 0
    experiment = evolve(experiment, scored(0, step=2))
    assert (run(experiment).settled, run(experiment).failed, experiment.succeeded) == (1, 1, 0)


def test_local_code_runs_in_chunks_and_model_calls_one_by_one():
    many = CHUNK * 2 + 1
    local = after(scored(0), scored(CHUNK * 2), item_count=many)
    assert [len(chunk) for chunk in local.unsettled(run(local))] == [CHUNK - 1, CHUNK, 0]
    asked = after(item_count=many, prompt=PROMPT)
    assert [len(c) for c in asked.unsettled(run(asked))] == [1] * many


def test_a_task_that_asks_a_judge_holds_one_item_and_one_of_local_code_many():
    many = {"item_count": 2 * CHUNK}
    for experiment, tasks in ((after(**many), 2), (after(**many, judge_steps=(1,)), 2 * CHUNK)):
        assert len(experiment.unsettled(run(experiment))) == tasks


def test_when_the_spaces_key_is_destroyed_every_run_of_it_is_over():
    destroyed = SpaceKeyDestroyed(space_id=SPACE)
    experiment, effects = react(after(STARTED, scored(0), retried(2, "items", "1"), destroyed))
    assert (effects, experiment.runs) == ([Dequeue(RUN), Dequeue(run_of(2))], {})


def test_a_kill_empties_the_queue_and_then_terminates():
    experiment, effects = react(after(STARTED, scored(0), KILLED))
    assert effects == [Dequeue(RUN), TerminateRun(**COMMAND)]
    assert react(experiment)[1] == []


def test_a_run_that_is_over_leaves_no_queue_behind_and_ignores_late_outcomes():
    for end in (COMPLETED, ENDED, EXPIRED):
        experiment, effects = react(after(STARTED, end))
        assert effects == [Dequeue(RUN)]
        assert experiment.runs == {}
        assert evolve(experiment, scored(1)).succeeded == 0


def test_resuming_queues_what_is_unsettled_as_possibly_done_before():
    assert resume(after(STARTED, scored(0))) == [Enqueue(RUN, again=True), StartRun(**COMMAND)]


def test_resuming_a_complete_run_completes_it():
    assert resume(after(STARTED, scored(0), scored(1), scored(2))) == [CompleteRun(**COMMAND, succeeded=3, failed=0)]


def test_resuming_an_ending_run_terminates_it():
    assert resume(after(STARTED, KILLED)) == [Dequeue(RUN), TerminateRun(**COMMAND)]
    assert run(after(STARTED, KILLED)).phase is Phase.ENDING


def test_an_experiment_survives_being_stored():
    experiment = after(answered(2), scored(0), unanswered(1), prompt=PROMPT, item_count=70)
    assert decode(encode(experiment)) == experiment
    experiment = evolve(experiment, retried(2, "failures", "2", NOW_MS))
    assert decode(encode(experiment)) == experiment


def test_a_retry_goes_over_its_items_alone_and_completes_with_the_results_of_all():
    first = (scored(0), unscored(1), unscored(2), COMPLETED)
    experiment, effects = react(after(*first, retried(2, "failures", "6")))
    assert effects == [Enqueue(run_of(2)), StartRun(**SECOND)]
    assert experiment.unsettled(run(experiment, 2)) == [[1, 2]]
    assert run(experiment, 2).earlier == (RUN,)
    for outcome in (scored(1, run=2), scored(0, run=2), unscored(2, run=2)):
        experiment = evolve(experiment, outcome)
    assert react(experiment)[1] == [CompleteRun(**SECOND, succeeded=2, failed=1)], "item 0 was not to be repeated"


def test_a_result_that_was_good_and_fails_when_repeated_is_a_failure():
    experiment = after(scored(0), scored(1), scored(2), COMPLETED, retried(2, "items", "1"), unscored(0, run=2))
    assert react(experiment)[1] == [CompleteRun(**SECOND, succeeded=2, failed=1)]
    assert run(experiment, 2).earlier == (), "whoever names items wants them done anew"


def test_what_was_not_ended_counts_as_failed():
    experiment = after(scored(0), ENDED, retried(2, "items", "2"), scored(1, run=2))
    assert react(experiment)[1] == [CompleteRun(**SECOND, succeeded=2, failed=1)]


def test_a_retry_of_nothing_completes_at_once():
    experiment = after(scored(0), scored(1), scored(2), COMPLETED, retried(2, "failures", "0"))
    assert react(experiment)[1] == [CompleteRun(**SECOND, succeeded=3, failed=0)]


def test_two_runs_under_way_go_on_each_by_itself():
    experiment = after(STARTED, scored(0), retried(2, "items", "1"), unscored(0, run=2), scored(1), scored(2))
    _, effects = react(experiment)
    done = {"succeeded": 2, "failed": 1}
    assert effects == [CompleteRun(**COMMAND, **done), CompleteRun(**SECOND, **done)]
    experiment = evolve(experiment, RunCompleted(**IDS, **done, still_running=1))
    experiment, effects = react(experiment)
    assert effects == [Dequeue(RUN), CompleteRun(**SECOND, **done)]
    assert list(experiment.runs) == [run_of(2)]


def test_a_killed_retry_leaves_the_results_of_before():
    killed = RunKillRequested(experiment_id=EXPERIMENT, run_id=run_of(2))
    ended = RunTerminated(experiment_id=EXPERIMENT, run_id=run_of(2), still_running=0)
    first = (scored(0), scored(1), unscored(2), COMPLETED, retried(2, "all", "7"), killed, scored(2, run=2))
    experiment = after(*first)
    assert resume(experiment) == [Dequeue(run_of(2)), TerminateRun(**SECOND)]
    experiment = after(*first, ended, retried(3, "failures", "0"))
    assert experiment.succeeded == 0b111


def test_a_run_expires_when_its_deadline_has_come_and_again_until_it_is_over():
    alive = after(STARTED, longest_life_ms=1000)
    assert due(alive, NOW_MS + 999) == []
    assert due(alive, NOW_MS + 1000) == due(alive, NOW_MS + 9999) == [ExpireRun(**COMMAND)]
    assert due(evolve(alive, KILLED), NOW_MS + 1000) == [ExpireRun(**COMMAND)]
    assert due(evolve(alive, EXPIRED), NOW_MS + 1000) == []
    assert due(after(STARTED), NOW_MS * 2) == [], "it has none"
