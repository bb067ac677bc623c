"""Who performs imports: each once at a time, again after a failure, and those that a crash left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cozeloop.workflows import imports
from cozeloop.workflows.imports import AT_ONCE, ImportRuns
from events.event import Recorded, Stream
from events.imports import ImportCompleted, ImportRequested
from tests.projected import History


class Performing:
    """What was performed; whoever is told to fails once, and all wait for ``go``."""

    def __init__(self, *failing: str) -> None:
        self.begun: list[str] = []
        self.done: asyncio.Queue[str] = asyncio.Queue()
        self.go = asyncio.Event()
        self._failing = set(failing)

    async def __call__(self, job_id: str) -> None:
        self.begun.append(job_id)
        await self.go.wait()
        if job_id in self._failing:
            self._failing.remove(job_id)
            raise OSError("the store is away")
        self.done.put_nowait(job_id)


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
async def tasks() -> AsyncIterator[list[asyncio.Task[None]]]:
    begun: list[asyncio.Task[None]] = []
    yield begun
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


def asked(history: History, *job_ids: str) -> list[Recorded[ImportRequested]]:
    found = []
    for job_id in job_ids:
        event = ImportRequested(
            job_id=job_id, dataset_id="5", format="csv", size=1, overwrite=False, path="x", mappings=()
        )
        found += history.happened(Stream("7", "imports", job_id), event)
    return found


async def nobody() -> list[str]:
    return []


async def test_what_is_asked_for_and_what_a_crash_left_is_performed_once_each(history, tasks):
    perform = Performing()

    async def left() -> list[str]:
        return ["1", "2"]

    runs = ImportRuns(0, perform, left)
    await runs.apply(asked(history, "1"))
    assert (await runs.open(), runs.position) == (1, 1)
    await runs.live()
    news = asked(history, "2", "3")
    await runs.apply(news)
    await runs.apply(news)
    await runs.apply(history.happened(Stream("7", "imports", "4"), ImportCompleted(job_id="4", dataset_id="5")))
    tasks.append(asyncio.ensure_future(runs.perform()))
    perform.go.set()
    assert sorted([await perform.done.get() for _ in range(3)]) == ["1", "2", "3"]
    assert sorted(perform.begun) == ["1", "2", "3"]


async def test_no_more_than_so_many_are_performed_at_once(history, tasks):
    perform = Performing()
    runs = ImportRuns(0, perform, nobody)
    await runs.live()
    await runs.apply(asked(history, *map(str, range(1, 10))))
    tasks.append(asyncio.ensure_future(runs.perform()))
    await asyncio.wait(tasks, timeout=0.05)
    assert len(perform.begun) == AT_ONCE
    perform.go.set()
    assert len([await perform.done.get() for _ in range(9)]) == 9


async def test_one_that_breaks_off_is_tried_again_and_holds_up_no_other(history, tasks, monkeypatch):
    monkeypatch.setattr(imports, "RETRY_SECONDS", 0.0)
    perform = Performing("1")
    runs = ImportRuns(0, perform, nobody)
    await runs.live()
    await runs.apply(asked(history, "1", "2"))
    tasks.append(asyncio.ensure_future(runs.perform()))
    perform.go.set()
    assert sorted([await perform.done.get() for _ in range(2)]) == ["1", "2"]
    assert sorted(perform.begun) == ["1", "1", "2"]
