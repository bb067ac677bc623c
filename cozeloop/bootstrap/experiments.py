"""The experiments' engine: the process manager with its state, the queue of tasks, and the workers of this process."""

from __future__ import annotations

from collections.abc import Sequence

from cozeloop.bootstrap.core import Core
from cozeloop.work.attempts import Attempts
from cozeloop.work.experiments import RunItems
from cozeloop.work.outcomes import Outcomes
from cozeloop.work.plans import Plans
from cozeloop.work.tracing import RunTraces
from cozeloop.workflows.deadlines import expire_for_ever
from cozeloop.workflows.runtime import ExperimentRuns
from infra import clock
from infra.llm.patience import PatientModels
from infra.messaging.work import WorkQueue
from projections.datasets.rows import version_items


class ExperimentEngine:
    """Runs experiments. ``runs`` follows the feed; `begin` when the feed has come to the log's end."""

    def __init__(self, core: Core) -> None:
        platform = core.process.platform
        plans = Plans(core.log)
        platform.forgets.append(plans.forget)
        settings = core.process.settings

        def name_of(model_id: str) -> str:
            return str((platform.models.get(model_id) or {}).get("name") or model_id)

        traces = RunTraces(platform.spans.put, name_of)
        core.process.on_close(traces.close)
        perform = RunItems(
            core.log,
            plans,
            PatientModels(platform.models, settings.model_quota_wait_seconds),
            platform.code,
            Outcomes(core.log),
            clock.now,
            Attempts(settings.experiment_retry_seconds),
            settings.experiment_item_seconds,
            traces,
        )

        async def items(dataset_id: str, revision: int) -> Sequence[tuple[str, int, int]]:
            return await core.database.read(version_items, dataset_id, revision)

        self._core = core
        self._queue = WorkQueue(core.nc, perform, settings.worker_slots, on_lost=self._refill)
        self.runs = ExperimentRuns(core.database, core.handle, self._queue, items)

    async def begin(self) -> None:
        """Workers take tasks; what a crash may have lost is queued again."""
        await self._queue.open()
        self._core.process.on_close(self._queue.close)
        await self.runs.live()
        self._core.process.run(self.runs.perform())
        self._core.process.run(expire_for_ever(self.runs, clock.now))

    async def _refill(self) -> None:
        await self.runs.live()
