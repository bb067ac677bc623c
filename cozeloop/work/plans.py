"""What a run runs: the pinned prompt, evaluators and rows, read from the log once and kept while the run goes on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from commands.evaluators.content import is_judge
from commands.experiments.experiment import stream
from cozeloop.work.tasks import ItemTask
from events.evaluators import EvaluatorVersionSubmitted
from events.event import Erased, Stream
from events.experiments import EvaluatorPin, ExperimentSubmitted, FieldMapping
from events.prompts import PromptCommitted
from infra.eventstore.log import EventLog

PLANS = 64
PAGES = 64
Content = Mapping[str, Any]


class PlanUnreadable(Exception):
    """What was pinned is not in the log, or its space's key is destroyed."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """An evaluator's pinned code, or a judge's content, and its mapping; steps count from 1."""

    step: int
    version_id: str
    code: str
    mapping: tuple[FieldMapping, ...]
    judge: Content | None = None

    def turn(self, columns: Mapping[str, Content], output: str | None) -> dict[str, Any]:
        """What ``exec_evaluation`` is given for one item."""
        answer = {} if output is None else {"actual_output": {"content_type": "Text", "text": output}}
        if not self.mapping:
            return {"evaluate_dataset_fields": columns, "evaluate_target_output_fields": answer, "ext": {}}
        fields: dict[str, Any] = {}
        outputs: dict[str, Any] = {}
        for each in self.mapping:
            if each.constant is not None:
                fields[each.field] = {"content_type": "Text", "text": each.constant}
            elif each.from_target:
                outputs[each.field] = answer.get(each.from_target, {"content_type": "Text", "text": ""})
            else:
                fields[each.field] = columns.get(each.from_column, {"content_type": "Text", "text": ""})
        return {"evaluate_dataset_fields": fields, "evaluate_target_output_fields": outputs, "ext": {}}

    def inputs(self, columns: Mapping[str, Content], output: str | None) -> dict[str, Content]:
        """What a judge's template may name, for one item: columns and outputs by field."""
        turn = self.turn(columns, output)
        return {**turn["evaluate_dataset_fields"], **turn["evaluate_target_output_fields"]}


@dataclass(frozen=True)
class Plan:
    """A run's pinned parts."""

    prompt: Mapping[str, Any] | None
    target_mapping: tuple[FieldMapping, ...]
    runtime: Mapping[str, Any]
    evaluators: tuple[EvaluatorPlan, ...]
    evaluators_concurrency: int
    item_retries: int


class Plans:
    """The plans and row pages most recently used by this process."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._plans: OrderedDict[str, asyncio.Future[Plan]] = OrderedDict()
        self._pages: OrderedDict[int, asyncio.Future[Any]] = OrderedDict()

    async def of(self, task: ItemTask) -> Plan:
        """The run's plan; raises PlanUnreadable."""
        return await self._once(self._plans, task.run_id, PLANS, lambda: self._plan(task))

    async def row(self, task: ItemTask, position: int, offset: int) -> Mapping[str, Content]:
        """The columns of the row at an offset of the page event at a log position: field key -> content."""
        page = await self._once(self._pages, position, PAGES, lambda: self._page(position))
        if isinstance(page.rows, Erased):
            raise PlanUnreadable("the space's key is destroyed")
        columns: Mapping[str, Content] = page.rows[offset].data
        return columns

    async def submitted(self, task: ItemTask) -> ExperimentSubmitted:
        """What the run's experiment pinned."""
        found: ExperimentSubmitted = await self._find(
            stream(task.space_id, task.experiment_id), ExperimentSubmitted, ""
        )
        return found

    def forget(self) -> None:
        """Drops every plan and page: they hold content."""
        self._plans.clear()
        self._pages.clear()

    async def _plan(self, task: ItemTask) -> Plan:
        submitted = await self.submitted(task)
        if isinstance(submitted.evaluators, Erased) or isinstance(submitted.target_mapping, Erased):
            raise PlanUnreadable("the space's key is destroyed")
        evaluators = [
            await self._evaluator(task.space_id, step, pin) for step, pin in enumerate(submitted.evaluators, 1)
        ]
        prompt = None
        if submitted.prompt is not None:
            pin = submitted.prompt
            committed = await self._find(Stream(task.space_id, "prompts", pin.id), PromptCommitted, pin.version)
            if isinstance(committed.detail, Erased) or committed.digest != pin.digest:
                raise PlanUnreadable(f"prompt {pin.id} version {pin.version} is not what was pinned")
            prompt = committed.detail
        parameters = submitted.runtime_parameters
        runtime = orjson.loads(parameters) if isinstance(parameters, str) and parameters else {}
        limits = (submitted.evaluators_concurrency, submitted.item_retries)
        return Plan(prompt, submitted.target_mapping, runtime, tuple(evaluators), *limits)

    async def _evaluator(self, space: str, step: int, pin: EvaluatorPin) -> EvaluatorPlan:
        found = await self._find(Stream(space, "evaluators", pin.id), EvaluatorVersionSubmitted, pin.version)
        if isinstance(found.content, Erased) or found.digest != pin.digest:
            raise PlanUnreadable(f"evaluator {pin.id} version {pin.version} is not what was pinned")
        code = (found.content.get("code_evaluator") or {}).get("code_content") or ""
        judge = found.content if is_judge(found.content) else None
        return EvaluatorPlan(step, pin.version_id, code, pin.mapping, judge)

    async def _find(self, where: Stream, type_: type[Any], version: str) -> Any:
        """The stream's event of a class (and version, when one is named)."""
        after = 0
        while page := await self._log.read_all(after, 500, where.name):
            for recorded in page:
                if isinstance(recorded.event, type_) and (not version or recorded.event.version == version):
                    return recorded.event
            after = page[-1].position
        raise PlanUnreadable(f"{where} has no {type_.__name__} {version}")

    async def _page(self, position: int) -> Any:
        found = await self._log.read_all(position - 1, 1)
        if not found or found[0].position != position:
            raise PlanUnreadable(f"there is no event at {position}")
        return found[0].event

    async def _once(self, cache: OrderedDict[Any, asyncio.Future[Any]], key: Any, size: int, make: Any) -> Any:
        """One read, however many tasks want it at once; a failed one is tried again by the next."""
        future = cache.get(key)
        if future is None:
            future = cache[key] = asyncio.ensure_future(make())
            if len(cache) > size:
                cache.popitem(last=False)
        cache.move_to_end(key)
        try:
            return await asyncio.shield(future)
        except BaseException:
            if future.done():
                cache.pop(key, None)
            raise
