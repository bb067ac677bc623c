"""R7: of two projector runners on one database one is fenced, also one that slept while the other moved on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cozeloop.projecting import Projection
from infra.sql import open_database
from tests.databases import KINDS, fresh_database
from tests.integration.projecting.runner import history, sums, tallies
from tests.unit.projecting.fakes import ListLog

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
EVENTS = 507
RUNNER = "tests.integration.projecting.runner"


class Runner:
    """A process; its lines are read one by one. Left alive, it is killed."""

    def __init__(self, url: str, stop: int = 0) -> None:
        command = [sys.executable, "-m", RUNNER, url, str(EVENTS), str(stop)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def line(self) -> str:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said, "it ended without a word"
        return said

    def until(self, wanted: str) -> list[str]:
        """The lines up to one that begins so."""
        said = [self.line()]
        while not said[-1].startswith(wanted):
            said.append(self.line())
        return said

    def asleep(self) -> None:
        """Returns when it has stopped itself."""
        self.until("stopping")
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def wake(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.database(kind)) for kind in KINDS])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with fresh_database(request.param, tmp_path) as made:
        yield made


async def rows(url: str, *names: str) -> list[tuple[str, int]]:
    database = open_database(url)
    models = [tallies(name) for name in names or ("tallies",)]
    projection = Projection(database, models, ListLog(history(EVENTS)), log_id="one")
    assert await projection.open() == EVENTS

    def read(conn):
        t = models[-1].live(conn)
        return [tuple(r) for r in conn.execute(select(t.c.id, t.c.sum).order_by(t.c.id))]

    try:
        return await database.read(read)
    finally:
        await database.close()


async def test_a_runner_that_slept_while_another_moved_on_is_fenced_and_goes_on_behind_it(url: str) -> None:
    with Runner(url, stop=200) as zombie:
        zombie.asleep()
        with Runner(url) as other:
            assert other.line() == "open 200"
            assert other.until("done")[-1] == f"done {EVENTS}"
        zombie.wake()
        assert zombie.until("done") == ["fenced", f"open {EVENTS}", f"done {EVENTS}"]
    assert await rows(url) == sums(EVENTS)


async def test_two_runners_that_run_at_once_apply_each_event_once(url: str) -> None:
    with Runner(url, stop=100) as one:
        one.asleep()
        with Runner(url) as other:
            other.until("open")
            one.wake()
            assert one.until("done")[-1] == other.until("done")[-1] == f"done {EVENTS}"
    assert await rows(url) == sums(EVENTS)


async def test_a_runner_that_slept_while_it_built_its_tables_does_not_touch_those_of_another(url: str) -> None:
    with Runner(url) as first:
        first.until("done")
    with Runner(url, stop=-1) as zombie:
        zombie.asleep()
        with Runner(url, stop=-2) as other:
            assert other.until("done") == [f"open {EVENTS}", f"done {EVENTS}"]
        zombie.wake()
        assert zombie.until("done") == ["fenced", f"open {EVENTS}", f"done {EVENTS}"]
    assert await rows(url, "tallies", "others") == sums(EVENTS)
