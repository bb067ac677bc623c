"""Runs the process manager of experiments: state and position in one transaction, then the effects.

While events of the past are folded nothing is done; at the end of the log every run that is not over is resumed. So
a crash between the transaction and the effects, or a queue that lost its memory, costs nothing but a repeat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, Text, delete, insert, select

from commands.command import Command
from cozeloop.handling import Issued, Receipt, fingerprint
from cozeloop.work.tasks import ItemTask
from cozeloop.workflows.experiments import (
    FOLDED,
    OUTCOMES,
    Dequeue,
    Effect,
    Enqueue,
    Phase,
    Run,
    begin,
    evolve,
    react,
    resume,
)
from events.event import Recorded
from events.experiments import ExperimentSubmitted
from events.spaces import SpaceKeyDestroyed
from infra.sql.database import Database
from infra.sql.dialect import create_table

log = logging.getLogger(__name__)

NAME = "experiments"
RETRY_SECONDS = 1.0
SAVED_EVERY = 1000
"""Events of no run after which the position is saved nevertheless: a start reads no more than these again."""
METADATA = MetaData()
RUNS = Table(
    "workflow_runs",
    METADATA,
    Column("run_id", String(20), primary_key=True),
    Column("over", Integer, nullable=False),
    Column("state", Text(16777215), nullable=False),
)
POSITIONS = Table(
    "workflow_positions",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)


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
        self._runs: dict[str, Run] = {}
        self._effects: asyncio.Queue[tuple[Run, Effect]] = asyncio.Queue()
        self._live = False
        self.position = 0
        self._saved = 0

    async def open(self) -> int:
        """Creates its tables, loads the runs that are not over, and returns the position to go on after."""
        self.position, states = await self._database.write(_load)
        self._saved = self.position
        self._runs = {run.run_id: run for run in map(_decode, states)}
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Folds a batch and, when live, does what it calls for."""
        news = [r for r in batch if r.position > self.position]
        if not news:
            return
        touched = self._fold(news)
        effects: list[tuple[Run, Effect]] = []
        if self._live:
            for run_id in touched:
                self._runs[run_id], wanted = react(self._runs[run_id])
                effects.extend((self._runs[run_id], effect) for effect in wanted)
        self.position = news[-1].position
        if touched or self.position - self._saved >= SAVED_EVERY:
            await self._save(touched)
        for each in effects:
            self._effects.put_nowait(each)

    async def live(self) -> None:
        """The log's end is reached: resume whatever a crash or a lost queue may have interrupted."""
        self._live = True
        for run in list(self._runs.values()):
            for effect in resume(run):
                self._effects.put_nowait((run, effect))

    async def perform(self) -> None:
        """Does effects one after another, for as long as it runs; one that fails is tried again a second later."""
        loop = asyncio.get_running_loop()
        while True:
            run, effect = await self._effects.get()
            try:
                await self._perform(run, effect)
            except Exception:
                log.exception("run %s: %s failed, trying again", run.run_id, type(effect).__name__)
                loop.call_later(RETRY_SECONDS, self._effects.put_nowait, (run, effect))

    def _fold(self, news: Sequence[Recorded[Any]]) -> set[str]:
        touched: set[str] = set()
        for recorded in news:
            event = recorded.event
            if isinstance(event, SpaceKeyDestroyed):
                of_space = [run for run in self._runs.values() if run.space_id == event.space_id]
                ended = {run.run_id: evolve(run, event) for run in of_space}
                self._runs.update(ended)
                touched |= ended.keys()
                continue
            if isinstance(event, ExperimentSubmitted):
                self._runs[event.run_id] = begin(recorded)
            elif not isinstance(event, (*FOLDED, *OUTCOMES)) or event.run_id not in self._runs:
                continue
            self._runs[event.run_id] = evolve(self._runs[event.run_id], event)
            touched.add(event.run_id)
        return touched

    async def _save(self, touched: set[str]) -> None:
        changed = [self._runs[run_id] for run_id in touched]
        await self._database.write(
            _store, self.position, [(r.run_id, r.phase is Phase.OVER, _encode(r)) for r in changed]
        )
        self._saved = self.position
        for run in changed:
            if run.phase is Phase.OVER:
                del self._runs[run.run_id]

    async def _perform(self, run: Run, effect: Effect) -> None:
        if isinstance(effect, Enqueue):
            await self._enqueue(self._runs.get(run.run_id, effect.run), effect.again)
        elif isinstance(effect, Dequeue):
            await self._queue.end(effect.run_id)
        else:
            command_id = fingerprint(run.run_id, type(effect).__name__)
            await self._handle(effect, Issued(actor="experiments", command_id=command_id, correlation=run.run_id))

    async def _enqueue(self, run: Run, again: bool) -> None:
        if run.phase in (Phase.ENDING, Phase.OVER):
            return
        await self._queue.begin(run.run_id, run.concurrency)
        rows = await self._items(run.dataset_id, run.revision)
        tasks: dict[str, bytes] = {}
        for number, indexes in enumerate(run.unsettled()):
            if indexes:
                task = ItemTask(
                    space_id=run.space_id,
                    experiment_id=run.experiment_id,
                    run_id=run.run_id,
                    items=tuple((i, *rows[i]) for i in indexes),
                    again=again,
                )
                tasks[str(number)] = task.model_dump_json().encode()
        taken = await self._queue.publish(run.run_id, tasks)
        log.info("run %s: %d of %d tasks queued", run.run_id, taken, len(tasks))


def _encode(run: Run) -> str:
    state = {**asdict(run), "settled": hex(run.settled), "failed": hex(run.failed)}
    return orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS).decode()


def _decode(text: str) -> Run:
    state = orjson.loads(text)
    return Run(
        **{
            **state,
            "phase": Phase(state["phase"]),
            "settled": int(state["settled"], 16),
            "failed": int(state["failed"], 16),
            "partial": {int(k): v for k, v in state["partial"].items()},
        }
    )


def _load(conn: Connection) -> tuple[int, list[str]]:
    create_table(conn, RUNS)
    create_table(conn, POSITIONS)
    position = conn.scalar(select(POSITIONS.c.position).where(POSITIONS.c.name == NAME))
    if position is None:
        conn.execute(insert(POSITIONS), {"name": NAME, "position": 0})
    return position or 0, list(conn.scalars(select(RUNS.c.state).where(RUNS.c.over == 0)))


def _store(conn: Connection, position: int, runs: Sequence[tuple[str, bool, str]]) -> None:
    if runs:
        rows = [{"run_id": run_id, "over": int(over), "state": state} for run_id, over, state in runs]
        conn.execute(delete(RUNS).where(RUNS.c.run_id.in_([run_id for run_id, _, _ in runs])))
        conn.execute(insert(RUNS), rows)
    conn.execute(POSITIONS.update().where(POSITIONS.c.name == NAME), {"position": position})
