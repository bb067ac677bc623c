"""A reader outside that catches up from the beginning, and the follower of webhooks, against a raw read.

The log holds evaluators' scores, sealed reasons and all, in four spaces. A reader takes page after page as an open
stream would, opened and encoded; the filtered one asks for one space. Raw is nats-py's own client reading the same
pages by direct get. The follower is a function that does nothing, driven by FastStream, one event in flight.
"""

from __future__ import annotations

import asyncio
import time

import orjson
from nats.aio.client import Client

from cozeloop.bootstrap.subscriptions import LogSource
from cozeloop.platform import EventQuery
from cozeloop.subscriptions import PAGE_BYTES, PAGE_EVENTS, LiveEvents
from events.event import Metadata, Stream
from infra import clock
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Tail
from infra.messaging.feed import RawEvent
from infra.messaging.subscribing import EventSubscriber
from tests.benchmarks.appends import scored
from tests.benchmarks.figures import Figure
from tests.benchmarks.rigs import SPACE, LogRig, log_rig

EVENTS, QUICK_EVENTS, FOLLOWED = 40_000, 4_000, 2_000
BATCH = 500
SPACES = [str(int(SPACE) + n) for n in range(4)]


async def measure(rounds: int, quick: bool) -> list[Figure]:
    count = QUICK_EVENTS if quick else EVENTS
    async with log_rig() as rig:
        for space in SPACES:
            await rig.vault.keys.create(space)
        log = await rig.open_log()
        nc = await rig.plain()
        try:
            await fill(log, count)
            figures: dict[str, list[float]] = {"all": [], "one": [], "raw": [], "followed": []}
            for _ in range(rounds):
                figures["all"].append(count / await catch_up(log, EventQuery(), count))
                figures["one"].append(count / 4 / await catch_up(log, EventQuery(space=SPACE), count // 4))
                figures["raw"].append(count / await raw(nc, count))
                figures["followed"].append(FOLLOWED / await followed(rig))
        finally:
            await nc.close()
            await log.close()
    note = f"{count} events in {len(SPACES)} spaces"
    return [
        Figure("Subscriber catch-up, every space", "events/s", figures["all"], note=note),
        Figure("Subscriber catch-up, one space of four", "events/s", figures["one"], note="filtered by nats-server"),
        Figure("Raw read of the same pages", "events/s", figures["raw"], note="nats-py, nothing checked or opened"),
        Figure("Webhooks' follower (FastStream)", "events/s", figures["followed"], note="one event in flight"),
    ]


async def fill(log: JetStreamLog, count: int) -> None:
    for batch in range(count // BATCH):
        space = SPACES[batch % len(SPACES)]
        stream = Stream(space, "experiments", str(batch), "bench")
        event = scored()
        meta = Metadata(actor="1", command_id=f"bench-{batch}", occurred_at=clock.now())
        await log.append([Append(stream, [event] * BATCH)], {stream.name: Tail()}, meta)


async def catch_up(log: JetStreamLog, query: EventQuery, wanted: int) -> float:
    live = LiveEvents(LogSource(log), await log.end())
    reader = await live.read(query, "bench", 0)
    begun, told = time.perf_counter(), 0
    while reader.position < live.head:
        told += len(await reader.page(0))
    assert told == wanted
    return time.perf_counter() - begun


async def raw(nc: Client, count: int) -> float:
    begun, at, read = time.perf_counter(), 1, 0
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox)
    while read < count:
        body = {"seq": at, "batch": PAGE_EVENTS, "max_bytes": PAGE_BYTES, "next_by_subj": "events.>"}
        await nc.publish("$JS.API.DIRECT.GET.EVENTS", orjson.dumps(body), reply=inbox)
        while True:
            headers = (await subscription.next_msg(5)).headers or {}
            if "Status" in headers:
                break
            read += 1
            at = int(headers["Nats-Sequence"]) + 1
    await subscription.unsubscribe()
    return time.perf_counter() - begun


async def followed(rig: LogRig) -> float:
    done = asyncio.Event()
    seen = 0

    async def follow(event: RawEvent) -> None:
        nonlocal seen
        seen += 1
        if seen == FOLLOWED:
            done.set()

    subscriber = EventSubscriber(rig.connected, follow)
    begun = time.perf_counter()
    await subscriber.open(["events.>"], 0)
    await done.wait()
    took = time.perf_counter() - begun
    await subscriber.close()
    return took
