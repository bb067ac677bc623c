"""Load times through the port, with a thousand and a hundred thousand events in the log; HTTP is not in them.

A prompt of twenty events lies spread evenly over the log. Cold: a log with an empty cache reads, opens and folds it.
Warm: the folded state is in the cache. Looked after: in the cache, and the log is asked whether it still is the end.
Raw: the same messages by one direct get, not decoded. With a copy: cold, with the state's copy in SQLite; once the
prompt of twenty, once one of 5,000 events at the log's end.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict

import orjson

from commands.prompts.prompt import UNBORN, evolve, prompt_stream
from events.event import Event, Metadata, Stream
from events.prompts import PromptCreated, PromptRenamed
from infra import clock
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Tail
from infra.eventstore.requests import Requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.rigs import SPACE, LogRig, log_rig

PROMPT = "7000000000000000009"
LENGTH = 20
BATCH = 500
LONG = "7000000000000000010"
LONG_LENGTH = 5_000
TIMES = 15
LONG_TIMES = 3
ids = itertools.count(7000000000000200000)


async def measure(rounds: int, quick: bool) -> list[Figure]:
    sizes = (1_000, 10_000) if quick else (1_000, 100_000)
    found: dict[str, list[float]] = {}
    for size in sizes:
        async with log_rig() as rig:
            log = await rig.open_log()
            await fill(log, size)
            assert await log.end() == size
            await log.close()
            times: dict[str, list[float]] = defaultdict(list)
            for _ in range(rounds):
                for name, took in (await one_round(rig)).items():
                    times[name].append(took)
            await lengthen(rig)
            for _ in range(rounds):
                for name, took in (await copied_round(rig)).items():
                    times[name].append(took)
            found |= {f"{name}, {size:,} events in the log": rounds_ for name, rounds_ in times.items()}
    note = f"{LENGTH} events of one stream, spread evenly"
    return [
        Figure(name, "µs", found[name], note=note if "cold" in name and "5,000 events w" not in name else "")
        for name in found
    ]


async def one_round(rig: LogRig) -> dict[str, float]:
    """Microseconds, each the median of several loads."""
    stream = prompt_stream(SPACE, PROMPT)
    took: dict[str, list[float]] = defaultdict(list)
    nc = await rig.connected()
    requests = await Requests(nc).open()
    for _ in range(TIMES):
        log = await rig.open_log()
        begun = time.perf_counter()
        loaded = await log.load([stream], UNBORN, evolve)
        took["cold load"].append(time.perf_counter() - begun)
        assert loaded.tails[stream.name].version == LENGTH
        begun = time.perf_counter()
        await log.load([stream], UNBORN, evolve, fresh=True)
        took["warm load, log asked"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        await log.load([stream], UNBORN, evolve)
        took["warm load"].append(time.perf_counter() - begun)
        await log.close()
        begun = time.perf_counter()
        await get_raw(requests, stream)
        took["raw direct get"].append(time.perf_counter() - begun)
    await nc.close()
    return {name: statistics.median(each) * 1e6 for name, each in took.items()}


async def copied_round(rig: LogRig) -> dict[str, float]:
    """Microseconds of cold loads with a copy and, of the long stream, without."""
    took: dict[str, list[float]] = defaultdict(list)
    cases = [(PROMPT, LENGTH, True, TIMES), (LONG, LONG_LENGTH, True, TIMES), (LONG, LONG_LENGTH, False, LONG_TIMES)]
    for number, length, copied, times in cases:
        stream = prompt_stream(SPACE, number)
        for _ in range(times):
            log = await rig.open_log(copied)
            begun = time.perf_counter()
            loaded = await log.load([stream], UNBORN, evolve)
            seconds = time.perf_counter() - begun
            assert loaded.tails[stream.name].version == length
            if copied:
                await log._snapshots.flush()
            how = "with a copy" if copied else "without a copy"
            took[f"cold load of {length:,} events {how}"].append(seconds)
            await log.close()
    return {name: statistics.median(each) * 1e6 for name, each in took.items()}


async def lengthen(rig: LogRig) -> None:
    """One prompt of very many events."""
    log, stream, tail = await rig.open_log(), prompt_stream(SPACE, LONG), Tail()
    events = history(LONG, LONG_LENGTH)
    for first in range(0, LONG_LENGTH, BATCH):
        appended = await log.append([Append(stream, events[first : first + BATCH])], {stream.name: tail}, meta())
        tail = Tail(appended[-1].version, appended[-1].position, appended[-1].hash)
    await log.close()


async def get_raw(requests: Requests, stream: Stream) -> None:
    body = orjson.dumps({"seq": 1, "batch": 1000, "next_by_subj": f"events.{stream.name}"})
    async with await requests.send("$JS.API.DIRECT.GET.EVENTS", body) as reply:
        arrived = 0
        while arrived < LENGTH + 1:
            arrived += len(await reply.arrived())


async def fill(log: JetStreamLog, size: int) -> None:
    """Prompts of three events each, and the one of twenty among them."""
    watched, tail = prompt_stream(SPACE, PROMPT), Tail()
    each = size // LENGTH
    for place in range(LENGTH):
        left = each - 1
        while left:
            appends = []
            many = min(left, BATCH)
            for first in range(0, many, 3):
                number = str(next(ids))
                appends.append(Append(prompt_stream(SPACE, number), history(number, min(3, many - first))))
            await log.append(appends, {append.stream.name: Tail() for append in appends}, meta())
            left -= many
        event = history(PROMPT, 1)[0] if place == 0 else history(PROMPT, 2)[1]
        last = (await log.append([Append(watched, [event])], {watched.name: tail}, meta()))[-1]
        tail = Tail(last.version, last.position, last.hash)


def history(prompt: str, length: int) -> list[Event]:
    created = PromptCreated(
        prompt_id=prompt,
        prompt_key=f"key.{prompt}",
        name=f"Prompt {prompt}",
        description="Filled in by a benchmark.",
        prompt_type="normal",
        security_level="L3",
        key_reservation=f"{int(prompt):032x}",
    )
    renamed = PromptRenamed(prompt_id=prompt, name=f"Prompt {prompt} again", description="Renamed by a benchmark.")
    return [created, *[renamed] * (length - 1)][:length]


def meta() -> Metadata:
    return Metadata("1", f"{next(ids):032x}", clock.now(), correlation="1")
