"""The process manager over a database of its own: what is over comes back, and deadlines outlive the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.command import Command
from commands.experiments.messages import CompleteRun, ExpireRun, StartRun
from cozeloop.handling import Issued, Receipt
from cozeloop.workflows import states
from cozeloop.workflows.runtime import ExperimentRuns
from events.experiments import RunCompleted, RunStarted
from infra.sql import open_database
from infra.sql.database import SqlDatabase
from tests.projected import History
from tests.unit.experiments.examples import (
    EXPERIMENT,
    NOW_MS,
    RUN,
    SPACE,
    STREAM,
    retried,
    run_of,
    scored,
    submitted,
    unscored,
)

COMMAND = {"space_id": SPACE, "experiment_id": EXPERIMENT}


class Around:
    """What a process manager acts on; everything is noted."""

    def __init__(self, database: SqlDatabase) -> None:
        self.commands: list[tuple[Command, str]] = []
        self.published: dict[str, list[str]] = {}
        self.runs = ExperimentRuns(database, self._handle, self, self._items)

    async def _handle(self, command: Command, issued: Issued) -> Receipt:
        self.commands.append((command, issued.command_id))
        return Receipt(issued.command_id, 0, ())

    async def _items(self, dataset_id: str, revision: int) -> Sequence[tuple[str, int, int]]:
        return [(str(1000 + i), 1, i) for i in range(3)]

    async def begin(self, run_id: str, concurrency: int) -> None:
        self.published.setdefault(run_id, [])

    async def publish(self, run_id: str, tasks: Mapping[str, bytes]) -> int:
        self.published[run_id] += sorted(tasks)
        return len(tasks)

    async def end(self, run_id: str) -> None:
        self.published.pop(run_id, None)

    async def act(self) -> None:
        """Every effect there is."""
        while self.runs._effects.qsize():
            await self.runs._perform(*self.runs._effects.get_nowait())


def database(folder: Path) -> SqlDatabase:
    return open_database(f"sqlite:///{folder / 'read.db'}")


async def test_an_experiment_that_was_over_is_recalled_when_it_is_retried(tmp_path: Path) -> None:
    history = History()
    done = RunCompleted(experiment_id=EXPERIMENT, run_id=RUN, succeeded=2, failed=1, still_running=0)
    first = history.happened(STREAM, submitted(), scored(0), unscored(1), scored(2), done)
    stored = database(tmp_path)
    before = Around(stored)
    await before.runs.open()
    await before.runs.apply(first)
    assert before.runs._experiments == {}, "nothing of it is kept in memory"
    await stored.close()

    stored = database(tmp_path)
    after = Around(stored)
    assert await after.runs.open() == len(first)
    await after.runs.live()
    await after.runs.apply(history.happened(STREAM, retried(2, "failures", "2")))
    await after.act()
    assert after.published == {run_of(2): ["0"]}
    await after.runs.apply(history.happened(STREAM, scored(1, run=2)))
    await after.act()
    kinds = [type(command) for command, _ in after.commands]
    assert kinds == [StartRun, CompleteRun]
    assert after.commands[-1][0] == CompleteRun(**COMMAND, run_id=run_of(2), succeeded=3, failed=0)
    await stored.close()


async def test_a_deadline_is_kept_over_a_restart_and_its_command_is_always_the_same(tmp_path: Path) -> None:
    started = RunStarted(experiment_id=EXPERIMENT, run_id=RUN)
    events = History().happened(STREAM, submitted(longest_life_ms=1000), started)
    issued = []
    for number in range(2):
        stored = database(tmp_path)
        around = Around(stored)
        await around.runs.open()
        if not number:
            await around.runs.apply(events)
        assert await around.runs.expire(NOW_MS + 999) == 0
        assert await around.runs.expire(NOW_MS + 1000) == 1
        issued += around.commands
        await stored.close()
    assert [command for command, _ in issued] == [ExpireRun(**COMMAND, run_id=RUN)] * 2
    assert len({command_id for _, command_id in issued}) == 1


async def test_state_of_the_first_generation_is_left_and_the_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    from sqlalchemy import Column, Integer, MetaData, Table, insert, inspect

    former = Table(states.FORMER, MetaData(), Column("run_id", Integer))

    def of_before(conn: Any) -> None:
        former.create(conn)
        states.POSITIONS.create(conn)
        conn.execute(insert(states.POSITIONS), {"name": "experiments", "position": 7})

    stored = database(tmp_path)
    await stored.write(of_before)
    assert await Around(stored).runs.open() == 0
    assert states.FORMER not in await stored.read(lambda conn: inspect(conn).get_table_names())
    await stored.close()
