"""W2: nats-server is killed (-9) at random moments while atomic batches are written."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from events.event import Recorded, Stream
from events.reservations import NameClaimed
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, LogUnavailable, Tail, Unknown
from infra.messaging.server import NatsServer
from tests.integration.conftest import Bench, HeldObjects, until
from tests.integration.eventstore.conftest import KNOWN, Noted, meta
from tests.integration.proof.conftest import SOAK, verified

ROUNDS = 100 if SOAK else 10
WRITERS = 6

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1200)]


@dataclass
class History:
    """What was tried, and what was acknowledged of it: command id -> events."""

    tried: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)


def batch(command: str, size: int) -> list[Append]:
    """``size`` notes in one stream and the claim of a name in another."""
    notes = [Noted(text=command * 20, number=i) for i in range(size)]
    name = command.encode().hex()
    claim = NameClaimed(reservation=name, owner="1")
    return [
        Append(Stream("7", "notes", command), notes),
        Append(Stream("7", "reservations", name, "name"), [claim]),
    ]


async def write(log: JetStreamLog, who: str, history: History, dice: random.Random, end: asyncio.Event) -> None:
    """Batch after batch; each outcome is noted as it was told."""
    number = 0
    while not end.is_set():
        number += 1
        command = f"{who}-{number}"
        appends = batch(command, dice.choice([1, 2, 9, 40, 200]))
        history.tried[command] = sum(len(a.events) for a in appends)
        try:
            recorded = await log.append(appends, {a.stream.name: Tail() for a in appends}, meta(command))
        except Unknown:
            history.unknown.add(command)
        except LogUnavailable:
            await asyncio.sleep(0.01)
        else:
            history.acknowledged[command] = [(r.position, r.hash) for r in recorded]


async def everything(log: JetStreamLog) -> dict[str, list[Recorded]]:
    """Command id -> its events, from the log's beginning."""
    found = defaultdict(list)
    after = 0
    while page := await log.read_all(after, 1000):
        for recorded in page:
            found[recorded.meta.command_id].append(recorded)
        after = page[-1].position
    return found


async def test_a_batch_is_stored_whole_or_not_at_all_and_what_was_acknowledged_is_there(tmp_path: Path, keys):
    dice = random.Random(7)
    history = History()
    objects = HeldObjects()
    for round in range(ROUNDS):
        async with NatsServer(tmp_path / "nats") as server:
            bench = Bench(server)
            await bench.set_up()
            log = JetStreamLog(bench.connect, KNOWN, keys, objects)
            await log.open()
            end = asyncio.Event()
            writers = [asyncio.create_task(write(log, f"r{round}w{who}", history, dice, end)) for who in range(WRITERS)]
            acknowledged = len(history.acknowledged)
            wanted = acknowledged + dice.randrange(1, 40)
            await until(lambda wanted=wanted: len(history.acknowledged) >= wanted)
            await asyncio.sleep(dice.random() * 0.02)
            os.kill(server.pid, signal.SIGKILL)
            again = len(history.acknowledged) + WRITERS + 5
            await until(lambda again=again: len(history.acknowledged) >= again, 30)
            end.set()
            await asyncio.gather(*writers)
            assert server.restarts == 1
            assert log.stopped == ""
            await log.close()

    async with NatsServer(tmp_path / "nats") as server:
        bench = Bench(server)
        await bench.set_up()
        log = JetStreamLog(bench.connect, KNOWN, keys, objects)
        await log.open()
        stored = await everything(log)
        partial = {c: len(events) for c, events in stored.items() if len(events) != history.tried[c]}
        assert partial == {}
        lost = {
            c: told for c, told in history.acknowledged.items() if [(r.position, r.hash) for r in stored[c]] != told
        }
        assert lost == {}
        refused = history.tried.keys() - history.acknowledged.keys() - history.unknown
        assert refused.isdisjoint(stored)
        assert (await verified(log)).problems == []
        print(f"{len(history.tried)} batches, {len(history.unknown)} unknown, {len(refused)} refused")
        await log.close()
