"""The feed's followers go on from where each one stands, and a failure is loud, shown, and got over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cozeloop.projecting import Projection
from cozeloop.projecting.feeding import Feeder, Follower
from events.event import Recorded
from infra.messaging.feed import LogHole
from infra.sql.database import SqlDatabase
from tests.projected import History
from tests.unit.projecting.fakes import ListLog, Opened, account, balances, rows_of


class QueueFeed:
    """Yields what is put; an exception that is put is raised."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[list[Recorded[Any]] | Exception] = asyncio.Queue()
        self.begun_after: list[int] = []

    async def __call__(self, after: int) -> AsyncIterator[list[Recorded[Any]]]:
        self.begun_after.append(after)
        while True:
            item = await self.queue.get()
            if isinstance(item, Exception):
                raise item
            yield item


class Collecting:
    """A follower that keeps the positions it was given, and fails at the first batch when told to."""

    def __init__(self, fails: int = 0) -> None:
        self.position = 0
        self.seen: list[int] = []
        self.fails = fails
        self.failing = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def open(self) -> int:
        await self.may_go_on.wait()
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        if self.fails:
            self.fails -= 1
            self.failing.set()
            raise ConnectionError("the database is away")
        self.seen += [r.position for r in batch]
        self.position = batch[-1].position


@asynccontextmanager
async def running(feed: QueueFeed, *followers: Follower, ended: list[str] | None = None) -> AsyncIterator[Feeder]:
    feeder = Feeder(feed, followers, on_loss=(ended if ended is not None else []).append)
    task = asyncio.create_task(feeder.run())
    try:
        yield feeder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_follower_gets_every_batch(database: SqlDatabase) -> None:
    history, model, feed, other = History(), balances(), QueueFeed(), Collecting()
    projection = Projection(database, [model], ListLog(history))
    await projection.open()
    async with running(feed, projection, other) as feeder:
        feed.queue.put_nowait(history.happened(account("1"), Opened(owner="a")))
        await feeder.until(1)
        assert feeder.trouble == ""
    assert await database.read(rows_of, model) == [("1", "a", 0)]
    assert other.seen == [1]


async def test_a_follower_that_fails_is_logged_shown_and_given_the_batch_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    history, feed, follower = History(), QueueFeed(), Collecting(fails=1)
    async with running(feed, follower) as feeder:
        feed.queue.put_nowait(history.happened(account("1"), Opened(owner="a")))
        await follower.failing.wait()
        assert feeder.trouble == "Collecting: the database is away"
        follower.may_go_on.set()
        await feeder.until(1)
        assert feeder.trouble == ""
    assert follower.seen == [1]
    assert "the database is away" in caplog.text


async def test_a_fenced_projection_goes_on_behind_the_other(database: SqlDatabase) -> None:
    history, model, feed = History(), balances(), QueueFeed()
    projection, rival = (Projection(database, [model], ListLog(history)) for _ in range(2))
    await projection.open()
    await rival.open()
    first = history.happened(account("1"), Opened(owner="a"))
    await rival.apply(first)
    async with running(feed, projection) as feeder:
        feed.queue.put_nowait([*first, *history.happened(account("2"), Opened(owner="b"))])
        await feeder.until(2)
    assert [r[0] for r in await database.read(rows_of, model)] == ["1", "2"]


async def test_a_log_with_a_hole_ends_the_feed_with_a_sentence() -> None:
    feed, ended = QueueFeed(), list[str]()
    async with running(feed, Collecting(), ended=ended) as feeder:
        feed.queue.put_nowait(LogHole(2, "events 3 to 4 are missing"))
        async with asyncio.timeout(5):
            while not ended:  # noqa: ASYNC110 - told by a callback
                await asyncio.sleep(0)
        assert feeder.trouble == "events 3 to 4 are missing"
    assert ended == ["events 3 to 4 are missing"]


async def test_a_feed_that_breaks_off_is_begun_again_behind_the_followers() -> None:
    history, feed, follower = History(), QueueFeed(), Collecting()
    async with running(feed, follower) as feeder:
        feed.queue.put_nowait(history.happened(account("1"), Opened(owner="a")))
        feed.queue.put_nowait(ConnectionError("the log is away"))
        feed.queue.put_nowait(history.happened(account("2"), Opened(owner="b")))
        await feeder.until(2)
        assert feeder.trouble == ""
    assert follower.seen == [1, 2]
    assert feed.begun_after == [0, 1]
