"""A worker's way with an item: how often it is tried, what it is spared, how long it may take, what runs at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from commands.experiments.experiment import step_stream
from cozeloop.work.attempts import LONGEST_PAUSE_SECONDS, Attempts
from cozeloop.work.experiments import OUTLIVED, RunItems
from cozeloop.work.outcomes import Outcomes
from cozeloop.work.plans import EvaluatorPlan, Plan
from cozeloop.work.tasks import ItemTask
from cozeloop.work.tracing import RunTraces
from events.event import Event, Metadata
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed
from infra.eventstore.log import Append
from infra.llm.port import Chat, ModelFailed, Reply
from infra.sandbox.port import CodeResult
from tests.memory_log import MemoryLog
from tests.unit.experiments.examples import (
    EXPERIMENT,
    PROMPT,
    RUN,
    SPACE,
    answered,
    run_of,
    scored,
    submitted,
    unanswered,
    unscored,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DETAIL = {"prompt_template": {"template_type": "normal", "messages": [{"role": "user", "content": "{{input}}"}]}}
Said = Callable[[int], Any]
"""What comes of a call, by its number from 0."""


class Lab:
    """A worker with everything around it. ``asked`` counts calls; ``paused`` are the pauses between attempts."""

    def __init__(
        self,
        target: Said | None = None,
        evaluators: Sequence[Said] = (lambda _: CodeResult(score=1.0),),
        retries: int = 0,
        at_once: int = 3,
        seconds: float = 60,
    ) -> None:
        self.log = MemoryLog()
        self.asked: Counter[str] = Counter()
        self.paused: list[float] = []
        self.at_once = self.most_at_once = 0
        self._target = target
        self._evaluators = evaluators
        plans = tuple(EvaluatorPlan(n, str(409 + n), str(n), ()) for n in range(1, len(evaluators) + 1))
        self._plan = Plan(DETAIL if target else None, (), {}, plans, at_once, retries)
        attempts = Attempts(1.0, self._pause)
        self.spans: list[bytes] = []
        lab: Any = self
        self.traces = RunTraces(self.put)
        self.worker = RunItems(self.log, lab, lab, lab, Outcomes(self.log), lambda: NOW, attempts, seconds, self.traces)

    async def put(self, space: str, lines: Sequence[bytes]) -> int:
        """Takes the spans."""
        self.spans += lines
        return len(self.spans)

    async def stored(self) -> list[bytes]:
        """The spans, when all are written."""
        await self.traces.close()
        return self.spans

    async def run(self, *indexes: int, run: int = 1, earlier: Sequence[int] = ()) -> Lab:
        """The worker performs a task of these items."""
        items = tuple((i, str(1000 + i), 1, i) for i in indexes)
        known = tuple(run_of(n) for n in earlier)
        task = ItemTask(space_id=SPACE, experiment_id=EXPERIMENT, run_id=run_of(run), items=items, earlier=known)
        await self.worker(task.model_dump_json().encode(), 1)
        return self

    async def happened(self, *events: Any) -> Lab:
        """These outcomes are in the log."""
        for number, event in enumerate(events):
            stream = step_stream(SPACE, event.run_id, event.item_id, getattr(event, "step", 0))
            await self.log.append([Append(stream, [event])], {}, Metadata("worker", f"{number:032x}", NOW))
        return self

    def outcomes(self, run: int = 1) -> dict[tuple[int, int], Event]:
        """Item index and step -> outcome of a run."""
        events = [r.event for r in self.log.recorded if r.event.run_id == run_of(run)]
        return {(e.item_index, getattr(e, "step", 0)): e for e in events}

    # --- plans, models and sandbox as the worker sees them ---

    async def of(self, task: ItemTask) -> Plan:
        return self._plan

    async def row(self, task: ItemTask, position: int, offset: int) -> Mapping[str, Any]:
        return {"input": {"content_type": "Text", "text": str(offset)}}

    async def submitted(self, task: ItemTask) -> Any:
        return submitted(
            prompt=PROMPT if self._target else None,
            evaluators=[{"id": "400", "version_id": e.version_id, "version": "1.0.0"} for e in self._plan.evaluators],
        )

    async def chat(self, call: Chat) -> Reply:
        assert self._target is not None
        number, self.asked["target"] = self.asked["target"], self.asked["target"] + 1
        said = self._target(number)
        if isinstance(said, Exception):
            raise said
        if asyncio.iscoroutine(said):
            said = await said
        return Reply({"content": said}, "stop", 7, 1)

    async def evaluate(self, space: str, version: str, code: str, turns: Sequence[Any]) -> list[CodeResult]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        found = []
        for turn in turns:
            text = turn["evaluate_dataset_fields"]["input"]["text"]
            key = f"{code}/{text}"
            number, self.asked[key] = self.asked[key], self.asked[key] + 1
            found.append(self._evaluators[int(code) - 1](number))
        return found

    async def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)


def failing(times: int, then: Any) -> Said:
    """Fails so often, then gives this."""
    no = ModelFailed("no") if isinstance(then, str) else CodeResult(error_code=601205032, error="no")
    return lambda number: no if number < times else then


async def test_a_target_that_answers_in_the_end_leaves_one_outcome() -> None:
    lab = await Lab(failing(2, "yes"), retries=2).run(0)
    assert [type(e) for e in lab.outcomes().values()] == [TargetAnswered, EvaluatorScored]
    assert (lab.asked["target"], lab.paused) == (3, [1.0, 2.0])


async def test_a_target_that_fails_once_more_than_it_may_has_failed() -> None:
    lab = await Lab(failing(3, "yes"), retries=2).run(0)
    assert [type(e) for e in lab.outcomes().values()] == [TargetFailed]
    assert lab.asked["target"] == 3


async def test_without_retries_nothing_is_tried_again() -> None:
    lab = await Lab(None, [failing(1, CodeResult(score=1.0))]).run(0, 1)
    assert {type(e) for e in lab.outcomes().values()} == {EvaluatorFailed}
    assert lab.paused == []


async def test_attempts_are_the_items_whichever_step_used_them() -> None:
    lab = await Lab(failing(1, "yes"), [failing(2, CodeResult(score=1.0))], retries=2).run(0)
    assert [type(e) for e in lab.outcomes().values()] == [TargetAnswered, EvaluatorFailed]
    assert (lab.asked["target"], lab.asked["1/0"]) == (2, 2)


async def test_each_attempt_that_failed_is_a_span_of_the_steps_trace() -> None:
    lab = await Lab(failing(1, "yes"), [failing(1, CodeResult(score=1.0))], retries=2).run(0)
    spans = [orjson.loads(each) for each in await lab.stored()]
    kinds = [(s["call_type"], s["span_type"], s["parent_id"] == "0", s["status_code"] != 0) for s in spans]
    assert kinds == [
        ("EvalTarget", "model", False, True),
        ("EvalTarget", "prompt", True, False),
        ("EvalTarget", "model", False, False),
        ("Evaluator", "evaluator", False, True),
        ("Evaluator", "evaluator", True, False),
    ]
    assert len({s["span_id"] for s in spans}) == 5
    assert len({s["trace_id"] for s in spans}) == 2


async def test_of_a_chunk_only_what_failed_is_tried_again() -> None:
    calls: Counter[str] = Counter()

    def second(number: int) -> CodeResult:
        calls["all"] += 1
        return CodeResult(error_code=1, error="no") if calls["all"] == 2 else CodeResult(score=1.0)

    lab = await Lab(None, [second], retries=1).run(0, 1, 2)
    assert {type(e) for e in lab.outcomes().values()} == {EvaluatorScored}
    assert [lab.asked[f"1/{i}"] for i in range(3)] == [1, 2, 1]


async def test_pauses_grow_and_have_an_end() -> None:
    lab = await Lab(None, [failing(10, CodeResult(score=1.0))], retries=10).run(0)
    assert lab.paused == [1.0, 2.0, 4.0, 8.0, 16.0, *[LONGEST_PAUSE_SECONDS] * 5]


async def test_no_more_evaluators_are_asked_at_once_than_asked_for() -> None:
    for at_once in (1, 2, 5):
        lab = await Lab(None, [lambda _: CodeResult(score=1.0)] * 5, at_once=at_once).run(0)
        assert lab.most_at_once == at_once
        assert len(lab.outcomes()) == 5


async def test_an_item_that_takes_too_long_has_failed_in_every_step() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    lab = await Lab(lambda _: never(), seconds=0.01).run(0)
    assert [getattr(e, "code", None) for e in lab.outcomes().values()] == [OUTLIVED, OUTLIVED]


async def test_what_had_its_outcome_before_the_time_was_over_keeps_it() -> None:
    class Slow(Lab):
        async def evaluate(self, *_: Any) -> list[CodeResult]:
            await asyncio.Event().wait()
            return []

    lab = await Slow(lambda _: "yes", seconds=0.01).run(0)
    target, evaluator = lab.outcomes().values()
    assert isinstance(target, TargetAnswered)
    assert isinstance(evaluator, EvaluatorFailed) and evaluator.code == OUTLIVED


async def test_what_succeeded_in_the_run_before_is_kept_and_is_an_outcome_of_this_one() -> None:
    two = [lambda _: CodeResult(score=0.5)] * 2
    lab = await Lab(lambda _: "again", two).happened(answered(0), scored(0, 0.25), unscored(0, step=2))
    await lab.run(0, run=2, earlier=[1])
    assert lab.asked == {"2/0": 1}
    kept, first, second = lab.outcomes(2).values()
    assert kept == answered(0, run=2)
    assert first == scored(0, 0.25, run=2)
    assert isinstance(second, EvaluatorScored) and second.score == 0.5


async def test_answers_and_scores_of_different_runs_are_not_mixed() -> None:
    lab = Lab(lambda _: "again")
    await lab.happened(answered(0), unscored(0), scored(1), unanswered(0, run=2), answered(1, run=2))
    await lab.run(0, 1, run=3, earlier=[2, 1])
    assert lab.outcomes(3)[0, 0] == answered(0, run=3), "of the newest run that had one"
    assert lab.outcomes(3)[1, 0] == answered(1, run=3)
    assert lab.asked == {"1/0": 1, "1/1": 1}, "a score of run 1 says nothing of the answer of run 2"


async def test_when_nothing_is_to_be_kept_everything_is_done_anew() -> None:
    lab = await Lab(lambda _: "again").happened(answered(0), scored(0))
    await lab.run(0, run=2)
    assert (lab.asked["target"], lab.asked["1/0"]) == (1, 1)
    assert lab.outcomes(2)[0, 0] != answered(0, run=2)
    assert run_of(1) == RUN
