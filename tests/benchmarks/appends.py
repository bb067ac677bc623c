"""Durable appends through the log against a raw publish of the same bytes and headers, with the same expectation.

Both run on the same nats-server with ``sync_interval: always``, in turns, from this process. Raw is nats-py's
``request`` (single) or ``publish`` and two requests (atomic batch) with messages that were mapped beforehand.
CPU is this process's, nats-server's is not in it; what ours takes above raw is the cost of our own code.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import secrets
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import orjson
from nats.aio.client import Client

from events.event import Metadata, Stream
from events.experiments import EvaluatorScored
from infra import clock
from infra.eventstore.envelope import StoredRecord
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Issue, Tail
from infra.eventstore.writing import EXPECTED
from tests.benchmarks.figures import Figure, Goal
from tests.benchmarks.rigs import SPACE, log_rig

BATCH = 100
SLICES = 5
REASON = "The answer names the team that the reference names: shipping. Nothing else was said, as the prompt asks."
numbers = itertools.count(7000000000000100000)


@dataclass
class Rates:
    """Events a second and microseconds of this process's CPU per event, of ours and of raw, round by round.

    A round is cut into slices that take turns, because the disk's mood changes within seconds.
    """

    rate: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "raw": []})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "raw": []})
    spent: dict[str, tuple[float, float]] = field(default_factory=dict)

    async def time(self, whose: str, work: Awaitable[object]) -> None:
        """One slice."""
        gc.collect()
        cpu, begun = time.process_time(), time.perf_counter()
        await work
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        before = self.spent.get(whose, (0.0, 0.0))
        self.spent[whose] = (before[0] + took, before[1] + used)

    def close(self, events: int) -> None:
        """The round is over."""
        for whose, (took, used) in self.spent.items():
            self.rate[whose].append(events / took)
            self.cpu[whose].append(used / events * 1e6)
        self.spent.clear()

    def figures(self, what: str, goal: Goal, note: str = "") -> list[Figure]:
        ratios = [a / b for a, b in zip(self.rate["ours"], self.rate["raw"], strict=True)]
        above = [a - b for a, b in zip(self.cpu["ours"], self.cpu["raw"], strict=True)]
        return [
            Figure(f"{what}: durable appends", "events/s", self.rate["ours"], note=note),
            Figure(f"{what}: raw publish", "events/s", self.rate["raw"]),
            Figure(f"{what}: of raw", "", ratios, goal),
            Figure(f"{what}: CPU outside NATS", "µs/event", self.cpu["ours"]),
            Figure(f"{what}: CPU above raw's", "µs/event", above),
        ]


async def measure(rounds: int, quick: bool) -> list[Figure]:
    size = 500 if quick else 1_500
    one, many, batches, groups = Rates(), Rates(), Rates(), Rates()
    async with log_rig() as rig:
        log = await rig.open_log()
        nc = await rig.plain()
        for _ in range(rounds):
            await singles(one, log, nc, 1, size)
            await singles(many, log, nc, 64, size * 2)
            await batched(batches, log, nc, size // 50, together=False)
            await batched(groups, log, nc, size // 50, together=True)
        record = (await mapped(log, 1, stream()))[0]
        await nc.close()
        await log.close()
    size = len(record.state) + sum(len(k) + len(v) + 4 for k, v in record.headers.items())
    return [
        *one.figures("1 writer", Goal(0.7), f"EvaluatorScored, {size} bytes with its headers"),
        *many.figures("64 writers", Goal(0.7), "each on a stream of its own"),
        *batches.figures("batches of 100", Goal(0.5), "one command's events on one stream"),
        *groups.figures("groups of 100", Goal(0.5), "100 commands on 100 streams, as workers write outcomes"),
    ]


async def singles(rates: Rates, log: JetStreamLog, nc: Client, writers: int, events: int) -> None:
    """Writers side by side, each appending to its own stream one event after another."""
    each = events // writers // SLICES
    for _ in range(SLICES):
        prepared = [(stream(), [scored() for _ in range(each)]) for _ in range(writers)]
        raw = [await mapped(log, each, stream()) for _ in range(writers)]
        await rates.time("ours", asyncio.gather(*(append_each(log, to, events) for to, events in prepared)))
        await rates.time("raw", asyncio.gather(*(publish_each(nc, records) for records in raw)))
    rates.close(each * writers * SLICES)


async def append_each(log: JetStreamLog, to: Stream, events: Sequence[EvaluatorScored]) -> None:
    tail = Tail()
    for event in events:
        last = (await log.append([Append(to, [event])], {to.name: tail}, meta()))[-1]
        tail = Tail(last.version, last.position, last.hash)


async def publish_each(nc: Client, records: Sequence[StoredRecord]) -> None:
    last = 0
    for record in records:
        headers = dict(record.headers)
        headers[EXPECTED] = str(last)
        reply = await nc.request(record.subject, record.state, headers=headers, timeout=10)
        last = orjson.loads(reply.data)["seq"]


async def batched(rates: Rates, log: JetStreamLog, nc: Client, batches: int, *, together: bool) -> None:
    """One atomic batch after another: a command's hundred events, or (``together``) a hundred commands' single ones."""
    each = batches // SLICES
    append = append_groups if together else append_batches
    for _ in range(SLICES):
        commands = [[scored() for _ in range(BATCH)] for _ in range(each)]
        if together:
            raw = [[(await mapped(log, 1, stream()))[0] for _ in range(BATCH)] for _ in range(each)]
        else:
            raw = [await mapped(log, BATCH, stream()) for _ in range(each)]
        await rates.time("ours", append(log, commands))
        await rates.time("raw", publish_batches(nc, raw, each_expects=together))
    rates.close(each * SLICES * BATCH)


async def append_batches(log: JetStreamLog, commands: Sequence[Sequence[EvaluatorScored]]) -> None:
    for events in commands:
        to = stream()
        await log.append([Append(to, events)], {to.name: Tail()}, meta())


async def append_groups(log: JetStreamLog, commands: Sequence[Sequence[EvaluatorScored]]) -> None:
    for events in commands:
        issues = []
        for event in events:
            to = stream()
            issues.append(Issue([Append(to, [event])], {to.name: Tail()}, meta()))
        outcomes = await log.append_group(issues)
        assert all(isinstance(outcome, list) for outcome in outcomes)


async def publish_batches(nc: Client, batches: Sequence[Sequence[StoredRecord]], *, each_expects: bool) -> None:
    """ADR-50 by hand: the first and the last message are requests, those between are published."""
    for records in batches:
        batch = secrets.token_hex(12)
        for number, record in enumerate(records, 1):
            headers = {**record.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number == 1 or each_expects:
                headers[EXPECTED] = "0"
            if number == 1:
                await nc.request(record.subject, record.state, headers=headers, timeout=10)
            elif number < len(records):
                await nc.publish(record.subject, record.state, headers=headers)
            else:
                headers["Nats-Batch-Commit"] = "1"
                reply = await nc.request(record.subject, record.state, headers=headers, timeout=10)
                assert orjson.loads(reply.data)["count"] == len(records)


def scored() -> EvaluatorScored:
    """An outcome, the event that there are most of."""
    number = str(next(numbers))
    return EvaluatorScored(
        experiment_id="7000000000000000002",
        run_id="7000000000000000003",
        item_id=number,
        item_index=17,
        step=1,
        evaluator_version_id="7000000000000000004",
        score=1.0,
        reasoning=REASON,
        stdout="",
        duration_ms=1,
    )


def stream() -> Stream:
    return Stream(SPACE, "experiments", "7000000000000000003", "step", f"{next(numbers)}-0-1")


def meta() -> Metadata:
    return Metadata("worker", f"{next(numbers):032x}", clock.now(), correlation="7000000000000000003")


async def mapped(log: JetStreamLog, count: int, to: Stream) -> list[StoredRecord]:
    """The messages that the log would write to an empty stream, one command each unless it is a batch."""
    return await log._map(Issue([Append(to, [scored() for _ in range(count)])], {to.name: Tail()}, meta()))
