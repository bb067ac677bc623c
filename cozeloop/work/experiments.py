"""Runs the items of an experiment: target, then evaluators, each step's outcome once.

A task is acknowledged after its outcomes are in the log. Delivered again, it first looks which outcomes stand: a
model is not asked twice for what it has answered. A step that fails is tried again as often as the experiment says,
and only what came of the last attempt is an outcome. An item that takes too long fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from commands.experiments.experiment import step_stream
from cozeloop.handling import fingerprint
from cozeloop.platform import CodeResult, CodeRunner
from cozeloop.work.attempts import Attempts
from cozeloop.work.judging import ask_judge
from cozeloop.work.keeping import kept_outcomes
from cozeloop.work.outcomes import Outcomes
from cozeloop.work.plans import EvaluatorPlan, Plan, Plans, PlanUnreadable
from cozeloop.work.targets import ask_target
from cozeloop.work.tasks import ItemTask
from cozeloop.work.tracing import RunTraces
from events.event import Erased, Event, Metadata
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed
from infra.eventstore.log import Append, Conflict, EventLog, Issue, Tail
from infra.llm.port import Chat, Models

TARGET_STEP = 0
MOST_DELIVERIES = 5
NOT_RUNNABLE = 601204001
OUTLIVED = 601205085


@dataclass(frozen=True)
class Item:
    """One item on its way: its place, its columns, what the target answered, and what is kept of earlier runs.

    ``attempts`` is how often the item was tried and failed.
    """

    index: int
    item_id: str
    columns: Mapping[str, Any]
    output: str | None = None
    kept: Mapping[int, Event] = field(default_factory=dict)
    attempts: int = 0


class RunItems:
    """Performs one task; raises when it must be delivered again."""

    def __init__(
        self,
        log: EventLog,
        plans: Plans,
        models: Models,
        code: CodeRunner,
        outcomes: Outcomes,
        now: Callable[[], datetime],
        attempts: Attempts,
        longest_seconds: float,
        traces: RunTraces,
    ) -> None:
        self._log = log
        self._plans = plans
        self._models = models
        self._code = code
        self._outcomes = outcomes
        self._now = now
        self._attempts = attempts
        self._longest_seconds = longest_seconds
        self._traces = traces

    async def __call__(self, data: bytes, delivered: int) -> None:
        """``delivered`` counts from 1. What cannot be run, or was tried too often, is recorded as failed."""
        task = ItemTask.model_validate_json(data)
        plan = None
        try:
            plan = await self._performed(task, delivered)
        finally:
            self._traces.send(task, plan)

    async def _performed(self, task: ItemTask, delivered: int) -> Plan | None:
        again = task.again or delivered > 1
        try:
            plan = await self._plans.of(task)
            if delivered > MOST_DELIVERIES:
                raise PlanUnreadable(f"given up after {MOST_DELIVERIES} workers")
        except PlanUnreadable as error:
            await self._fail(task, NOT_RUNNABLE, str(error))
            return None
        try:
            async with asyncio.timeout(self._longest_seconds) as clock:
                await self._run(plan, task, again)
        except TimeoutError:
            if not clock.expired():
                raise
            await self._fail(task, OUTLIVED, f"the item took longer than {self._longest_seconds:g} s")
        return plan

    async def _run(self, plan: Plan, task: ItemTask, again: bool) -> None:
        try:
            rows = [(i, item_id, await self._plans.row(task, p, o)) for i, item_id, p, o in task.items]
        except PlanUnreadable as error:
            await self._fail(task, NOT_RUNNABLE, str(error))
            return
        with_target = plan.prompt is not None
        kept = await asyncio.gather(*(kept_outcomes(self._log, task, i, plan, with_target) for _, i, _ in rows))
        items = [Item(*row, kept=k) for row, k in zip(rows, kept, strict=True)]
        if with_target:
            items = [i for i in await asyncio.gather(*(self._target(plan, task, i, again) for i in items)) if i]
        if items:
            at_once = asyncio.Semaphore(plan.evaluators_concurrency)
            await asyncio.gather(*(self._evaluate(plan, task, e, items, again, at_once) for e in plan.evaluators))

    async def _target(self, plan: Plan, task: ItemTask, item: Item, again: bool) -> Item | None:
        """The item with its answer, None when the target failed."""
        standing = await self._standing(task, item, TARGET_STEP) if again else None
        if standing is None:
            event, call = item.kept.get(TARGET_STEP), None
            while event is None:
                event, call = await ask_target(plan, self._models, task, item.index, item.item_id, item.columns)
                if isinstance(event, TargetFailed) and item.attempts < plan.item_retries:
                    self._tried(task, item, TARGET_STEP, event, item.attempts + 1, call)
                    await self._attempts.pause(item.attempts)
                    item, event = replace(item, attempts=item.attempts + 1), None
            outcome = (await self._outcomes.put([self._issue(task, item, TARGET_STEP, event, call)]))[0]
            standing = await self._standing(task, item, TARGET_STEP) if isinstance(outcome, Conflict) else event
        if isinstance(standing, TargetAnswered):
            return replace(item, output="" if isinstance(standing.output, Erased) else standing.output)
        return None

    async def _evaluate(
        self,
        plan: Plan,
        task: ItemTask,
        evaluator: EvaluatorPlan,
        items: Sequence[Item],
        again: bool,
        at_once: asyncio.Semaphore,
    ) -> None:
        if again:
            standing = await asyncio.gather(*(self._standing(task, i, evaluator.step) for i in items))
            items = [i for i, event in zip(items, standing, strict=True) if event is None]
        spared = [
            self._issue(task, i, evaluator.step, i.kept[evaluator.step]) for i in items if evaluator.step in i.kept
        ]
        if spared:
            await self._outcomes.put(spared)
        items = [i for i in items if evaluator.step not in i.kept]
        async with at_once:
            if evaluator.judge is not None:
                await asyncio.gather(*(self._judge(plan, task, evaluator, i) for i in items))
            elif items:
                await self._score(plan, task, evaluator, items)

    async def _judge(self, plan: Plan, task: ItemTask, evaluator: EvaluatorPlan, item: Item) -> None:
        about, attempts = about_item(task, item), item.attempts
        while True:
            event = await ask_judge(evaluator, self._models, task.space_id, about, item.columns, item.output)
            if not isinstance(event, EvaluatorFailed) or attempts >= plan.item_retries:
                break
            self._tried(task, item, evaluator.step, event, attempts + 1)
            await self._attempts.pause(attempts)
            attempts += 1
        await self._outcomes.put([self._issue(task, item, evaluator.step, event)])

    async def _score(self, plan: Plan, task: ItemTask, evaluator: EvaluatorPlan, items: Sequence[Item]) -> None:
        """Puts what each item's last attempt came to."""

        async def evaluate(some: Sequence[Item]) -> Sequence[CodeResult]:
            turns = [evaluator.turn(i.columns, i.output) for i in some]
            return await self._code.evaluate(task.space_id, evaluator.version_id, evaluator.code, turns)

        def tried(item: Item, result: CodeResult, number: int) -> None:
            event = _outcome(task, evaluator, item, result)
            self._tried(task, item, evaluator.step, event, item.attempts + number)

        def left(item: Item) -> int:
            return plan.item_retries - item.attempts

        results = await self._attempts.each(items, evaluate, lambda r: not _failed(r), left, tried)
        done = [(i, _outcome(task, evaluator, i, r)) for i, r in zip(items, results, strict=True)]
        await self._outcomes.put([self._issue(task, item, evaluator.step, event) for item, event in done])

    async def _fail(self, task: ItemTask, code: int, why: str) -> None:
        """Every step of the task's items that has no outcome gets a failure."""
        submitted = await self._plans.submitted(task)
        issues = []
        for index, item_id, _, _ in task.items:
            item = Item(index, item_id, {})
            about = about_item(task, item)
            if submitted.prompt is not None:
                failed = TargetFailed(**about, code=code, message=why, duration_ms=0)
                issues.append(self._issue(task, item, TARGET_STEP, failed))
            for step, version_id in enumerate(submitted.evaluator_version_ids, 1):
                event = EvaluatorFailed(
                    **about,
                    step=step,
                    evaluator_version_id=version_id,
                    code=code,
                    message=why,
                    stdout="",
                    duration_ms=0,
                )
                issues.append(self._issue(task, item, step, event))
        await self._outcomes.put(issues)

    def _issue(self, task: ItemTask, item: Item, step: int, event: Event, call: Chat | None = None) -> Issue:
        stream = step_stream(task.space_id, task.run_id, item.item_id, step)
        now = self._now()
        self._traces.note(task, step, event, item.columns, now.timestamp(), call=call)
        meta = Metadata(
            actor="worker",
            command_id=fingerprint(task.run_id, item.item_id, str(step)),
            occurred_at=now,
            correlation=task.run_id,
        )
        return Issue([Append(stream, [event])], {stream.name: Tail()}, meta)

    async def _standing(self, task: ItemTask, item: Item, step: int) -> Event | None:
        """The outcome that stands, when one does."""
        found = await self._log.read_all(0, 1, step_stream(task.space_id, task.run_id, item.item_id, step).name)
        if not found:
            return None
        self._traces.note(task, step, found[0].event, item.columns, found[0].meta.occurred_at.timestamp())
        return found[0].event

    def _tried(
        self, task: ItemTask, item: Item, step: int, event: Event, attempt: int, call: Chat | None = None
    ) -> None:
        """An attempt that failed is a span, no outcome."""
        self._traces.note(task, step, event, item.columns, self._now().timestamp(), attempt, call)


def about_item(task: ItemTask, item: Item) -> dict[str, Any]:
    """The fields that every outcome has."""
    return {
        "experiment_id": task.experiment_id,
        "run_id": task.run_id,
        "item_id": item.item_id,
        "item_index": item.index,
    }


def _failed(result: CodeResult) -> bool:
    return bool(result.error_code) or result.score is None


def _outcome(task: ItemTask, evaluator: EvaluatorPlan, item: Item, result: CodeResult) -> Event:
    about = {
        **about_item(task, item),
        "step": evaluator.step,
        "evaluator_version_id": evaluator.version_id,
        "stdout": result.stdout,
        "duration_ms": result.duration_ms,
    }
    if result.score is None or _failed(result):
        return EvaluatorFailed(**about, code=result.error_code, message=result.error)
    return EvaluatorScored(**about, score=round(result.score, 2), reasoning=result.reason)
