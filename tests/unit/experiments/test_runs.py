from commands.experiments.messages import CompleteRun, StartRun, TerminateRun
from cozeloop.workflows.experiments import CHUNK, Dequeue, Enqueue, Phase, begin, evolve, react, resume
from cozeloop.workflows.runtime import _decode, _encode
from events.experiments import RunCompleted, RunKillRequested, RunStarted, RunTerminated
from tests.projected import History
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
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
STARTED, KILLED, ENDED = RunStarted(**IDS), RunKillRequested(**IDS), RunTerminated(**IDS)
COMPLETED = RunCompleted(**IDS, succeeded=3, failed=0)
COMMAND = {"space_id": SPACE, **IDS}


def run_after(*events, **changed):
    run = begin(History().happened(STREAM, submitted(**changed))[0])
    for event in events:
        run = evolve(run, event)
    return run


def test_a_submitted_run_is_queued_and_started_once():
    run, effects = react(run_after())
    assert effects == [Enqueue(run_after()), StartRun(**COMMAND)]
    assert react(run)[1] == ()
    assert react(evolve(run, STARTED))[1] == ()


def test_a_run_is_completed_when_the_last_item_has_its_outcome():
    run, _ = react(run_after(STARTED, scored(0), unscored(2)))
    assert react(run)[1] == ()
    run, effects = react(evolve(run, scored(1)))
    assert effects == [CompleteRun(**COMMAND, succeeded=2, failed=1)]
    assert react(run)[1] == ()


def test_the_same_outcome_twice_counts_once():
    run = run_after(scored(0), scored(0), unscored(0))
    assert (run.settled.bit_count(), run.failed.bit_count()) == (1, 0)


def test_an_item_with_a_target_is_settled_when_every_evaluator_has_spoken_in_any_order():
    run = run_after(answered(0), prompt=PROMPT)
    assert run.settled == 0
    assert evolve(run, scored(0)).settled == 1
    assert run_after(scored(0), answered(0), prompt=PROMPT).settled == 1


def test_an_item_whose_target_failed_is_settled_and_failed():
    run = run_after(unanswered(1), prompt=PROMPT)
    assert (run.settled, run.failed, run.partial) == (0b10, 0b10, {})


def test_an_item_fails_when_one_of_its_evaluators_fails():
    pins = [{"id": "400", "version_id": v, "version": "0.0.1"} for v in ("410", "411")]
    run = run_after(unscored(0, step=1), evaluators=pins)
    assert run.settled == 0
    run = evolve(run, scored(0, step=2))
    assert (run.settled, run.failed) == (1, 1)


def test_local_code_runs_in_chunks_and_model_calls_one_by_one():
    many = CHUNK * 2 + 1
    local = run_after(scored(0), scored(CHUNK * 2), item_count=many)
    assert [len(chunk) for chunk in local.unsettled()] == [CHUNK - 1, CHUNK, 0]
    assert [len(c) for c in run_after(item_count=many, prompt=PROMPT).unsettled()] == [1] * many


def test_a_kill_empties_the_queue_and_then_terminates():
    run, effects = react(run_after(STARTED, scored(0), KILLED))
    assert effects == [Dequeue(RUN), TerminateRun(**COMMAND)]
    assert react(run)[1] == ()


def test_a_run_that_is_over_leaves_no_queue_behind_and_ignores_late_outcomes():
    for end in (COMPLETED, ENDED):
        run, effects = react(run_after(STARTED, end))
        assert effects == [Dequeue(RUN)]
        assert evolve(run, scored(1)).settled == 0


def test_resuming_queues_what_is_unsettled_as_possibly_done_before():
    run = run_after(STARTED, scored(0))
    assert resume(run) == [Enqueue(run, again=True), StartRun(**COMMAND)]


def test_resuming_a_complete_run_completes_it():
    assert resume(run_after(STARTED, scored(0), scored(1), scored(2))) == [
        CompleteRun(**COMMAND, succeeded=3, failed=0)
    ]


def test_resuming_an_ending_run_terminates_it():
    assert resume(run_after(STARTED, KILLED)) == [Dequeue(RUN), TerminateRun(**COMMAND)]
    assert run_after(STARTED, KILLED).phase is Phase.ENDING


def test_a_run_survives_being_stored():
    run = run_after(STARTED, answered(2), scored(0), unanswered(1), prompt=PROMPT, item_count=70)
    assert _decode(_encode(run)) == run


def test_a_task_that_asks_a_judge_holds_one_item_and_one_of_local_code_many():
    many = {"item_count": 2 * CHUNK}
    assert len(run_after(**many).unsettled()) == 2
    assert len(run_after(**many, judge_steps=(1,)).unsettled()) == 2 * CHUNK
