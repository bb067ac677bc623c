import asyncio
import os
import signal

import pytest

from infra.messaging.feed import Feed, LogHole
from infra.nats.ending import ended
from tests.integration.conftest import until


class Reader:
    """Collects what a feed gives."""

    def __init__(self, bench, after=0):
        self.seen = []
        self.feed = Feed(bench.connect)
        self.task = asyncio.get_running_loop().create_task(self._read(after))

    async def _read(self, after):
        async for batch in self.feed.batches(after):
            self.seen.extend(batch)

    async def stop(self):
        await ended(self.task)

    @property
    def sequences(self):
        return [event.sequence for event in self.seen]


async def publish(bench, n, first=0):
    nc = await bench.connect()
    for i in range(n):
        await nc.request(f"events.1.x.{first + i}", b"%d" % (first + i), timeout=5, headers={"ce-type": "X"})
    await nc.close()


async def test_the_feed_gives_what_is_there_and_then_what_comes(bench):
    await publish(bench, 3)
    reader = Reader(bench)
    await until(lambda: len(reader.seen) == 3)
    await publish(bench, 1200, first=3)
    await until(lambda: len(reader.seen) == 1203)
    await reader.stop()
    assert reader.sequences == list(range(1, 1204))
    assert reader.seen[7].data == b"7"
    assert reader.seen[7].subject == "events.1.x.7"
    assert reader.seen[7].headers["ce-type"] == "X"


async def test_the_feed_resumes_after_any_position(bench):
    await publish(bench, 10)
    reader = Reader(bench, after=7)
    await until(lambda: len(reader.seen) == 3)
    await reader.stop()
    assert reader.sequences == [8, 9, 10]


async def test_a_killed_server_costs_neither_gap_nor_repeat(bench):
    await publish(bench, 5)
    reader = Reader(bench)
    await until(lambda: len(reader.seen) == 5)
    before = bench.server.pid
    os.kill(before, signal.SIGKILL)
    await until(lambda: bench.server.pid not in (0, before))
    await publish(bench, 5, first=5)
    await until(lambda: len(reader.seen) == 10)
    await reader.stop()
    assert reader.sequences == list(range(1, 11))


async def test_a_hole_in_the_log_stops_the_feed_and_is_named(bench):
    nc = await bench.admin()
    await nc.request("$JS.API.STREAM.CREATE.HOLED", b'{"name":"HOLED","subjects":["holed.>"]}', timeout=5)
    for i in range(5):
        await nc.request(f"holed.{i}", b"", timeout=5, headers={"ce-type": "X"})
    await nc.request("$JS.API.STREAM.MSG.DELETE.HOLED", b'{"seq":3}', timeout=5)
    await nc.close()
    with pytest.raises(LogHole, match="position 3 is missing"):
        async for _ in Feed(bench.connect, "HOLED").batches(0):
            pass


async def test_a_log_that_ends_before_the_readers_position_stops_the_feed(bench):
    await publish(bench, 3)
    with pytest.raises(LogHole, match="EVENTS ends at 3, but it was read up to 7") as caught:
        await anext(Feed(bench.connect).batches(7))
    assert caught.value.position == 3


async def test_a_lost_delivery_is_read_again(bench):
    """A message that goes astray on its way costs a new consumer, not an event."""
    await publish(bench, 10)
    lost = []

    async def losing(**options):
        nc = await bench.connect(**options)
        straight = nc.straight

        async def straight_and_lose(subject, take):
            def taken(msg):
                if msg.data == b"4" and not lost:
                    lost.append(msg)
                else:
                    take(msg)

            return await straight(subject, taken)

        nc.straight = straight_and_lose
        return nc

    feed, seen = Feed(losing), []
    async for batch in feed.batches():
        seen += [event.sequence for event in batch]
        if len(seen) >= 10:
            break
    assert (seen, len(lost), feed.consumers) == (list(range(1, 11)), 1, 2)


async def test_a_stream_that_drops_old_messages_is_read_without_its_gaps(bench):
    nc = await bench.connect()
    for i in range(60):
        await nc.request("drafts.1.prompts.2", b"%d" % i, timeout=5)
    await nc.request("drafts.1.prompts.3", b"other", timeout=5)
    await nc.close()
    read: list[int] = []
    async for batch in Feed(bench.connect, "DRAFTS", gapless=False).batches(0):
        read += [event.sequence for event in batch]
        if read[-1] == 61:
            break
    assert read == list(range(11, 62))


async def test_the_feed_says_how_much_lies_ahead(bench):
    await publish(bench, 2500)
    feed = Feed(bench.connect)
    batches = feed.batches()
    batch = await anext(batches)
    assert feed.pending == 2500 - len(batch)
    await batches.aclose()


async def test_a_feed_that_is_left_leaves_no_consumer(bench):
    await publish(bench, 1)
    batches = Feed(bench.connect).batches()
    await anext(batches)
    await batches.aclose()
    nc = await bench.connect()
    info = await nc.jetstream().stream_info("EVENTS")
    assert info.state.consumer_count == 0
    await nc.close()
