"""What an item that failed is spared when it is repeated: the steps that had succeeded, all of one earlier run.

The target's answer and the scores given to it belong together, so what one run gave is never mixed with another's. What
is kept becomes an outcome of the new run: its outcomes are whole, wherever they came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from commands.experiments.experiment import step_stream
from cozeloop.work.plans import Plan
from cozeloop.work.tasks import ItemTask
from events.event import Event
from events.experiments import EvaluatorScored, TargetAnswered
from infra.eventstore.log import EventLog


async def kept_outcomes(
    log: EventLog, task: ItemTask, item_id: str, plan: Plan, with_target: bool
) -> Mapping[int, Event]:
    """Step -> its outcome, as one of the task's run; of the newest earlier run that has something to keep."""

    async def success(run_id: str, step: int) -> tuple[int, Event] | None:
        found = await log.read_all(0, 1, step_stream(task.space_id, run_id, item_id, step).name)
        event = found[0].event if found else None
        if isinstance(event, TargetAnswered | EvaluatorScored):
            return step, event.model_copy(update={"run_id": task.run_id})
        return None

    steps = [*([0] if with_target else []), *(e.step for e in plan.evaluators)]
    for run_id in task.earlier:
        found = await asyncio.gather(*(success(run_id, step) for step in steps))
        kept = dict(each for each in found if each)
        if 0 in kept or (kept and not with_target):
            return kept
    return {}
