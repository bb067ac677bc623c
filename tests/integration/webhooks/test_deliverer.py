"""Deliveries worked off from their table: growing pauses, a bound for each receiver, and nothing lost at an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cozeloop.subscribers import deliveries
from cozeloop.subscribers.delivering import AT_ONCE_EACH, LONGEST_PAUSE, Deliverer, Retries
from cozeloop.subscribers.webhooks import Due
from events.event import Stream
from events.webhooks import WebhookCreated
from infra.outbound.client import Answer, NotReached
from infra.sql import open_database
from projections.reading import micros
from projections.webhooks.webhooks import WEBHOOKS
from tests.projected import Projected

LOG = "log"


class Outside:
    """A clock that moves when a test says so, receivers that answer as it says, secrets that are all the same."""

    def __init__(self) -> None:
        self.at = datetime(2025, 1, 1, tzinfo=UTC)
        self.answers: dict[str, int | Exception] = {}
        self.sent: list[tuple[str, str, bytes]] = []
        self.held: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.release = asyncio.Event()
        self.release.set()
        self._news = asyncio.Event()

    def now(self) -> datetime:
        return self.at

    async def get(self, webhook_id: str) -> bytes | None:
        return b"secret"

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.sent.append((url, headers["webhook-id"], body))
        self.held[url] += 1
        self.most[url] = max(self.most[url], self.held[url])
        self._news.set()
        await self.release.wait()
        self.held[url] -= 1
        answer = self.answers.get(url, 200)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, b"")

    async def until(self, sent: int) -> None:
        async with asyncio.timeout(60):
            while len(self.sent) < sent:
                self._news.clear()
                await self._news.wait()


class Work:
    """A table of deliveries in a real database, and whoever works it off."""

    def __init__(self, retries: Retries, path: Any) -> None:
        self.outside = Outside()
        self.database = open_database(f"sqlite:///{path}")
        self.deliverer = Deliverer(self, self.outside, self.outside, self._body, self.outside.now, retries)  # type: ignore[arg-type]
        self._hooks = Projected(WEBHOOKS)
        self.task: asyncio.Task[None] | None = None

    async def _body(self, position: int) -> bytes | None:
        return f"event {position}".encode()

    async def read(self, work: Any, *args: Any) -> Any:
        if work.__module__.startswith("projections."):
            return self._hooks.query(work, *args)
        return await self.database.read(work, *args)

    async def write(self, work: Any, *args: Any) -> Any:
        return await self.database.write(work, *args)

    def hook(self, id: str) -> str:
        url = f"https://example.org/{id}"
        self._hooks = self._hooks.happened(
            Stream("7", "webhooks", id), WebhookCreated(webhook_id=id, url=url, types=())
        )
        return url

    async def due(self, hook: str, *positions: int) -> None:
        rows = [Due(f"{hook}-{p}", hook, "7", p, "PromptCreated") for p in positions]
        await self.write(deliveries.save, max(positions), rows, micros(self.outside.at))
        self.deliverer.wake()

    async def left(self, hook: str) -> list[Mapping[str, Any]]:
        return list(await self.read(deliveries.listed, hook, "", 0, 1000))

    async def settled(self, hook: str, attempts: int) -> Mapping[str, Any]:
        """The only delivery left, as soon as it has been tried so often."""
        async with asyncio.timeout(60):
            while True:
                [row] = await self.left(hook)
                if row["attempts"] >= attempts:
                    return row
                await asyncio.sleep(0.005)

    async def empty(self, hook: str) -> None:
        async with asyncio.timeout(60):
            while await self.left(hook):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.005)

    def begin(self) -> None:
        self.task = asyncio.ensure_future(self.deliverer.run())

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None


@pytest.fixture
async def work(tmp_path: Any) -> AsyncIterator[Work]:
    made = Work(Retries(attempts=3, pause=10), tmp_path / "read.db")
    await made.write(deliveries.open_tables, LOG, 0)
    made.begin()
    yield made
    made.outside.release.set()
    await made.end()
    await made.database.close()


async def test_what_is_due_is_delivered_and_leaves_nothing(work: Work) -> None:
    work.hook("5")
    await work.due("5", 1, 2, 3)
    await work.empty("5")
    assert {(id, body) for _, id, body in work.outside.sent} == {(f"5-{p}", f"event {p}".encode()) for p in (1, 2, 3)}


async def test_the_pause_doubles_until_it_is_given_up(work: Work) -> None:
    work.outside.answers[work.hook("5")] = 503
    await work.due("5", 1)
    begun = work.outside.at
    for attempt, pause in ((1, 10), (2, 20)):
        row = await work.settled("5", attempt)
        assert (row["state"], row["next_at"] - micros(work.outside.at)) == ("due", pause * 1_000_000)
        work.outside.at += timedelta(seconds=pause)
        work.deliverer.wake()
    row = await work.settled("5", 3)
    assert (row["state"], row["status"], row["error"]) == ("undelivered", 503, "it answered 503")
    assert work.outside.at - begun == timedelta(seconds=30)
    figures = await work.deliverer.figures()
    assert (figures.attempts, figures.retries) == ({"failed": 2, "given_up": 1}, 2)
    assert (figures.waiting, figures.undelivered) == (0, 1)
    work.outside.answers.clear()
    assert await work.write(deliveries.redeliver, "5", "5-1", micros(work.outside.at))
    work.deliverer.wake()
    await work.empty("5")
    assert [id for _, id, _ in work.outside.sent] == ["5-1"] * 4


def test_no_pause_is_longer_than_an_hour() -> None:
    retries = Retries(attempts=100, pause=10)
    assert [retries.after(n) for n in (1, 2, 10, 99, 100)] == [10, 20, LONGEST_PAUSE, LONGEST_PAUSE, None]


async def test_whoever_cannot_be_reached_is_tried_again(work: Work) -> None:
    work.outside.answers[work.hook("5")] = NotReached("the connection was refused")
    await work.due("5", 1)
    row = await work.settled("5", 1)
    assert (row["state"], row["status"], row["error"]) == ("due", 0, "the connection was refused")


async def test_a_receiver_that_hangs_takes_its_own_places_alone(work: Work) -> None:
    slow, quick = work.hook("5"), work.hook("6")
    work.outside.release.clear()
    await work.due("5", *range(1, 30))
    await work.outside.until(AT_ONCE_EACH)
    await work.due("6", 30, 31)
    await work.outside.until(AT_ONCE_EACH + 2)
    assert (work.outside.held[slow], work.outside.held[quick]) == (AT_ONCE_EACH, 2)
    work.outside.release.set()
    await work.empty("5")
    assert work.outside.most[slow] == AT_ONCE_EACH


async def test_what_was_under_way_at_the_end_is_sent_again_under_its_id(work: Work) -> None:
    work.hook("5")
    work.outside.release.clear()
    await work.due("5", 1)
    await work.outside.until(1)
    await work.end()
    assert [row["delivery_id"] for row in await work.left("5")] == ["5-1"]
    work.outside.release.set()
    work.begin()
    await work.empty("5")
    assert [id for _, id, _ in work.outside.sent] == ["5-1", "5-1"]


async def test_what_is_due_to_a_webhook_that_is_gone_is_forgotten(work: Work) -> None:
    await work.due("9", 1, 2)
    await work.empty("9")
    assert work.outside.sent == []


async def test_a_position_is_this_log_s_and_never_behind_its_end(work: Work) -> None:
    """A database that was made anew, one of another log, and one of a longer log go on at the end."""
    await work.due("5", 40)
    opened = [
        await work.write(deliveries.open_tables, LOG, 50),
        await work.write(deliveries.open_tables, LOG, 30),
        await work.write(deliveries.open_tables, "another", 7),
    ]
    assert opened == [40, 30, 7]


async def test_what_is_found_out_twice_is_due_once(work: Work) -> None:
    await work.end()
    await work.due("5", 1)
    await work.due("5", 1, 2)
    assert [row["position"] for row in await work.left("5")] == [1, 2]


async def test_an_erased_space_is_owed_nothing(work: Work) -> None:
    await work.end()
    await work.due("5", 1, 2)
    assert await work.write(deliveries.removed_space, "7") == 2
    assert await work.left("5") == []
