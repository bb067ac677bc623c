"""A function driven by FastStream over our NATS: every event once and in order, also when it fails or NATS dies."""

from __future__ import annotations

import asyncio

from infra.messaging.feed import RawEvent
from infra.messaging.subscribing import EventSubscriber


class Function:
    """What is driven; notes positions, and fails as often as it is told."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.tries: list[int] = []
        self.fails: dict[int, int] = {}
        self._news = asyncio.Event()

    async def __call__(self, event: RawEvent) -> None:
        self.tries.append(event.sequence)
        self._news.set()
        if self.fails.get(event.sequence, 0):
            self.fails[event.sequence] -= 1
            raise ValueError("not now")
        assert event.data == f"{event.sequence}".encode() and event.headers["ce-type"] == "Happened"
        self.seen.append(event.sequence)

    async def until(self, position: int) -> list[int]:
        async with asyncio.timeout(60):
            while position not in self.seen:
                self._news.clear()
                await self._news.wait()
                await asyncio.sleep(0)
        return self.seen


async def publish(bench, first: int, last: int, space: str = "7") -> None:
    nc = await bench.connect()
    for n in range(first, last + 1):
        await nc.request(f"events.{space}.prompts.1", f"{n}".encode(), headers={"ce-type": "Happened"}, timeout=5)
    await nc.close()


async def test_events_come_once_and_in_order_from_a_position_on(bench) -> None:
    await publish(bench, 1, 5)
    function = Function()
    subscriber = EventSubscriber(bench.connect, function)
    await subscriber.open(["events.7.prompts.>"], 2)
    await publish(bench, 6, 8)
    assert await function.until(8) == [3, 4, 5, 6, 7, 8]
    await subscriber.close()


async def test_an_event_that_failed_comes_again_before_the_next(bench) -> None:
    function = Function()
    function.fails = {2: 3}
    subscriber = EventSubscriber(bench.connect, function)
    await subscriber.open(["events.7.prompts.>", "events.*.webhooks.>"], 0)
    await publish(bench, 1, 4)
    assert await function.until(4) == [1, 2, 3, 4]
    assert (function.tries.count(2), subscriber.failures) == (4, 3)
    await subscriber.close()


async def test_opened_anew_it_takes_other_subjects_behind_a_position(bench) -> None:
    function = Function()
    subscriber = EventSubscriber(bench.connect, function)
    await subscriber.open(["events.7.prompts.>"], 0)
    await publish(bench, 1, 2)
    await function.until(2)
    await publish(bench, 3, 4, space="8")
    await subscriber.open(["events.8.prompts.>"], 2)
    await publish(bench, 5, 5)
    await publish(bench, 6, 6, space="8")
    assert await function.until(6) == [1, 2, 3, 4, 6]
    await subscriber.close()
    assert not await subscriber.there()


async def test_a_consumer_that_went_with_the_server_s_memory_is_noticed(bench) -> None:
    function = Function()
    subscriber = EventSubscriber(bench.connect, function)
    await subscriber.open(["events.7.prompts.>"], 0)
    await publish(bench, 1, 2)
    await function.until(2)
    assert await subscriber.there()
    await bench.server.restart()
    async with asyncio.timeout(60):
        while await subscriber.there():  # noqa: ASYNC110 - as its owner does
            await asyncio.sleep(0.05)
    await publish(bench, 3, 3)
    await subscriber.open(["events.7.prompts.>"], 2)
    assert await function.until(3) == [1, 2, 3]
    await subscriber.close()
