"""Runs the process manager of experiments: state and position in one transaction, then the effects.

While events of the past are folded nothing is done; at the end of the log whatever is not over is resumed. So
a crash between the transaction and the effects, or a queue that lost its memory, costs nothing but a repeat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from commands.command import Command
from commands.experiments.messages import CompleteRun
from cozeloop.handling import Issued, Receipt, fingerprint
from cozeloop.work.tasks import ItemTask
from cozeloop.workflows import states
from cozeloop.workflows.experiments import (
    FOLDED,
    Dequeue,
    Effect,
    Enqueue,
    Experiment,
    Phase,
    begin,
    complete,
    due,
    evolve,
    put_away,
    react,
    resume,
)
from events.event import Recorded
from events.experiments import ExperimentRetried, ExperimentSubmitted
from events.spaces import SpaceKeyDestroyed
from infra.sql.database import Database

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
SAVED_EVERY = 1000
"""Events of no run after which the position is saved nevertheless: a start reads no more than these again."""


class Queue(Protocol):
    """The task queue as a process manager needs it."""

    async def begin(self, run_id: str, concurrency: int) -> None:
        """The run's consumer exists and hands out at most ``concurrency`` tasks at once."""
        ...

    async def publish(self, run_id: str, tasks: Mapping[str, bytes]) -> int:
        """Queues tasks by name and returns how many were taken; one that is queued or in flight is refused."""
        ...

    async def end(self, run_id: str) -> None:
        """No task and no consumer of the run are left."""
        ...


Items = Callable[[str, int], Awaitable[Sequence[tuple[str, int, int]]]]
"""Dataset id and revision -> (item id, log position of its page event, offset in it) of every row, in order."""


class ExperimentRuns:
    """The process manager at work. Fed with every event of the log, in order."""

    def __init__(
        self,
        database: Database,
        handle: Callable[[Command, Issued], Awaitable[Receipt]],
        queue: Queue,
        items: Items,
    ) -> None:
        self._database = database
        self._handle = handle
        self._queue = queue
        self._items = items
        self._experiments: dict[str, Experiment] = {}
        self._effects: asyncio.Queue[tuple[str, Effect]] = asyncio.Queue()
        self._live = False
        self.position = 0
        self._saved = 0

    async def open(self) -> int:
        """Creates its tables, loads what is not over, and returns the position to go on after."""
        self.position, found = await self._database.write(states.load)
        self._saved = self.position
        self._experiments = {each.experiment_id: each for each in found}
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Folds a batch and, when live, does what it calls for."""
        news = [r for r in batch if r.position > self.position]
        if not news:
            return
        await self._recall(news)
        touched = self._fold(news)
        effects: list[tuple[str, Effect]] = []
        for id_ in touched:
            if self._live:
                self._experiments[id_], wanted = react(self._experiments[id_])
                effects.extend((id_, effect) for effect in wanted)
            else:
                self._experiments[id_] = put_away(self._experiments[id_])
        self.position = news[-1].position
        if touched or self.position - self._saved >= SAVED_EVERY:
            await self._save(touched)
        for each in effects:
            self._effects.put_nowait(each)

    async def live(self) -> None:
        """The log's end is reached: resume whatever a crash or a lost queue may have interrupted."""
        self._live = True
        for experiment in list(self._experiments.values()):
            for effect in resume(experiment):
                self._effects.put_nowait((experiment.experiment_id, effect))

    async def perform(self) -> None:
        """Does effects one after another, for as long as it runs; one that fails is tried again a second later."""
        loop = asyncio.get_running_loop()
        while True:
            id_, effect = await self._effects.get()
            try:
                await self._perform(id_, effect)
            except Exception:
                log.exception("experiment %s: %s failed, trying again", id_, type(effect).__name__)
                loop.call_later(RETRY_SECONDS, self._effects.put_nowait, (id_, effect))

    async def expire(self, now_ms: int) -> int:
        """Ends each run whose deadline has come, and returns how many there were."""
        late = [(e.experiment_id, command) for e in self._experiments.values() for command in due(e, now_ms)]
        for id_, command in late:
            await self._perform(id_, command)
        return len(late)

    async def _recall(self, news: Sequence[Recorded[Any]]) -> None:
        """What was over and goes on comes back into memory."""
        retried = {r.event.experiment_id for r in news if isinstance(r.event, ExperimentRetried)}
        if missing := retried - self._experiments.keys():
            for experiment in await self._database.read(states.find, sorted(missing)):
                self._experiments[experiment.experiment_id] = experiment

    def _fold(self, news: Sequence[Recorded[Any]]) -> set[str]:
        touched: set[str] = set()
        for recorded in news:
            event = recorded.event
            if isinstance(event, SpaceKeyDestroyed):
                of_space = [e for e in self._experiments.values() if e.space_id == event.space_id]
                ended = {e.experiment_id: evolve(e, event) for e in of_space}
                self._experiments.update(ended)
                touched |= ended.keys()
                continue
            if isinstance(event, ExperimentSubmitted):
                self._experiments[event.experiment_id] = begin(recorded)
            elif not isinstance(event, FOLDED) or event.experiment_id not in self._experiments:
                continue
            else:
                self._experiments[event.experiment_id] = evolve(self._experiments[event.experiment_id], event)
            touched.add(event.experiment_id)
        return touched

    async def _save(self, touched: set[str]) -> None:
        changed = [self._experiments[id_] for id_ in touched]
        await self._database.write(states.store, self.position, changed)
        self._saved = self.position
        for experiment in changed:
            if not experiment.runs:
                del self._experiments[experiment.experiment_id]

    async def _perform(self, id_: str, effect: Effect) -> None:
        experiment = self._experiments.get(id_)
        if isinstance(effect, Enqueue):
            if experiment is not None:
                await self._enqueue(experiment, effect)
        elif isinstance(effect, Dequeue):
            await self._queue.end(effect.run_id)
        else:
            run_id: str = getattr(effect, "run_id", "")
            if isinstance(effect, CompleteRun) and experiment is not None and run_id in experiment.runs:
                effect = complete(experiment, experiment.runs[run_id])  # another run may have ended since
            command_id = fingerprint(run_id, type(effect).__name__)
            await self._handle(effect, Issued(actor="experiments", command_id=command_id, correlation=run_id))

    async def _enqueue(self, experiment: Experiment, effect: Enqueue) -> None:
        run = experiment.runs.get(effect.run_id)
        if run is None or run.phase in (Phase.ENDING, Phase.OVER):
            return
        await self._queue.begin(run.run_id, experiment.concurrency)
        rows = await self._items(experiment.dataset_id, experiment.revision)
        tasks: dict[str, bytes] = {}
        for number, indexes in enumerate(experiment.unsettled(run)):
            if indexes:
                task = ItemTask(
                    space_id=experiment.space_id,
                    experiment_id=experiment.experiment_id,
                    run_id=run.run_id,
                    items=tuple((i, *rows[i]) for i in indexes),
                    again=effect.again,
                    earlier=run.earlier,
                )
                tasks[str(number)] = task.model_dump_json().encode()
        taken = await self._queue.publish(run.run_id, tasks)
        log.info("run %s: %d of %d tasks queued", run.run_id, taken, len(tasks))
