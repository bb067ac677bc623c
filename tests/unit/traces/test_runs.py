"""Outcomes of experiments as spans, and how they are written."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from commands.traces.rows import line
from commands.traces.runs import Step, rows_of, span_id_of, trace_id_of
from cozeloop.work.tasks import ItemTask
from cozeloop.work.tracing import MOST_WAITING, RunTraces
from events.event import Erased
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed

ABOUT: dict[str, Any] = {"experiment_id": "500", "run_id": "600", "item_id": "7", "item_index": 0}
ANSWERED = TargetAnswered(**ABOUT, output="yes", input_tokens=3, output_tokens=4, duration_ms=250)
FAILED = TargetFailed(**ABOUT, code=601204003, message="too slow", duration_ms=10)
SCORED = EvaluatorScored(
    **ABOUT, step=1, evaluator_version_id="410", score=0.5, reasoning="half", stdout="", duration_ms=5
)
UNSCORED = EvaluatorFailed(
    **ABOUT, step=1, evaluator_version_id="410", code=601205032, message="no", stdout="", duration_ms=5
)
TASK = ItemTask(space_id="70", experiment_id="500", run_id="600", items=((0, "7", 1, 0),))


def step(event: Any, number: int = 0, **more: Any) -> Step:
    return Step("70", number, event, 1_000_000_000, **more)


def test_an_answer_is_a_root_with_the_call_of_the_model_below_it():
    root, call = rows_of(step(ANSWERED, input="q", model="3", messages="[]"))
    assert (root.parent_id, call.parent_id, call.span_type) == ("0", root.span_id, "model")
    assert root.trace_id == call.trace_id == trace_id_of("600", "7", 0)
    assert (root.output, root.call_type, root.start_time, root.duration) == (
        "yes",
        "EvalTarget",
        999_750_000,
        250_000,
    )
    assert call.tags_long == {"input_tokens": 3, "output_tokens": 4, "tokens": 7}


def test_the_call_of_a_model_has_its_name_and_what_it_was_sent_in_one_shape():
    """The same for a target and for a judge: the console draws ``messages``."""
    asked = '[{"role":"user","content":"q"}]'
    for event in (ANSWERED, SCORED):
        call = rows_of(step(event, model="gpt-4o mini", messages=asked))[1]
        assert (call.span_name, call.tags_string["model_name"]) == ("gpt-4o mini", "gpt-4o mini")
        assert orjson.loads(call.input) == {"messages": [{"role": "user", "content": "q"}]}


def test_a_score_is_a_root_of_its_own_trace_with_the_score():
    [root] = rows_of(step(SCORED, 1))
    assert (root.trace_id, root.call_type) == (trace_id_of("600", "7", 1), "Evaluator")
    assert (root.tags_double, root.output, root.status_code) == ({"score": 0.5}, "half", 0)
    assert root.trace_id != trace_id_of("600", "7", 0)


def test_a_failure_says_why_and_an_attempt_before_the_last_is_the_call_alone():
    [root] = rows_of(step(FAILED))
    assert (root.status_code, root.tags_string["error"]) == (601204003, "too slow")
    [call] = rows_of(step(FAILED, messages="[]", attempt=2))
    assert call.span_id == span_id_of("600", "7", 0, "model/2")


def test_an_attempt_that_asked_no_model_is_a_span_below_the_root():
    [tried] = rows_of(step(UNSCORED, 1, input="{}", attempt=1))
    assert (tried.span_id, tried.parent_id) == (
        span_id_of("600", "7", 1, "attempt/1"),
        span_id_of("600", "7", 1, "root"),
    )
    assert (tried.status_code, tried.tags_string["error"], tried.span_type) == (601205032, "no", "evaluator")


def test_a_step_done_again_makes_the_same_spans():
    assert [line(r) for r in rows_of(step(ANSWERED, messages="[]"))] == [
        line(r) for r in rows_of(step(ANSWERED, messages="[]"))
    ]


def test_an_erased_answer_is_an_empty_one():
    erased = ANSWERED.model_copy(update={"output": Erased()})
    assert rows_of(step(erased))[0].output == ""


async def test_tasks_that_wait_are_stored_together_and_none_is_held_up():
    stored: list[list[bytes]] = []
    free = asyncio.Event()

    async def put(space: str, lines: Any) -> int:
        await free.wait()
        stored.append(list(lines))
        return 1

    traces = RunTraces(put)
    for item in range(5):
        event = ANSWERED.model_copy(update={"item_id": str(item)})
        traces.note(TASK, 0, event, {}, 1.0)
        traces.send(TASK, None)
        await asyncio.sleep(0)
    free.set()
    await traces.close()
    assert [len(lines) for lines in stored] == [1, 4]
    assert {orjson.loads(each)["trace_id"] for lines in stored for each in lines} == {
        trace_id_of("600", str(item), 0) for item in range(5)
    }


async def test_what_cannot_be_stored_is_dropped_and_counted_and_nothing_is_raised():
    async def put(space: str, lines: Any) -> int:
        raise ConnectionError("away")

    traces = RunTraces(put)
    traces.note(TASK, 0, ANSWERED, {}, 1.0)
    traces.send(TASK, None)
    await traces.close()
    assert traces.dropped == 1


async def test_no_more_than_a_bound_waits():
    never = asyncio.Event()

    async def put(space: str, lines: Any) -> int:
        await never.wait()
        return 1

    traces = RunTraces(put)
    for _ in range(MOST_WAITING // 1000 + 2):
        for _ in range(1000):
            traces.note(TASK, 0, ANSWERED, {}, 1.0)
        traces.send(TASK, None)
        await asyncio.sleep(0)
    assert traces.dropped == 1000
    assert traces._writer is not None
    traces._writer.cancel()
