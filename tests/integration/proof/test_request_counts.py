"""O2: what a command costs does not grow with the log."""

from __future__ import annotations

import pytest

from commands.command import Command
from cozeloop.handling import Issued
from events.event import Stream
from infra.eventstore.log import Append, Tail
from tests.integration.eventstore.conftest import Noted, meta
from tests.integration.proof.commanding import create, handler, rename

FAR = 100_000


class Sent:
    """Requests of a log over all its connections."""

    def __init__(self, log) -> None:
        self._log = log
        self._before = self._now()

    def _now(self) -> int:
        return self._log.requests.sent + self._log.guarded.sent

    def count(self) -> int:
        before, self._before = self._before, self._now()
        return self._before - before


async def grow(log, size: int) -> None:
    """Events of others, a thousand a batch, up to ``size``."""
    while (end := await log.end()) < size:
        stream = Stream("8", "notes", str(end))
        notes = [Noted(text="t", number=n) for n in range(min(1000, size - end))]
        await log.append([Append(stream, notes)], {stream.name: Tail()}, meta(f"grow{end}"))


def issued(command: Command, number: int) -> Issued:
    return Issued(actor="9", command_id=f"{type(command).__name__}{number}", digest="d")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sizes", [(100, 5_000), pytest.param((1_000, FAR), marks=pytest.mark.slow)])
async def test_a_command_costs_the_same_requests_however_long_the_log(opened, sizes):
    counted = []
    for size in sizes:
        log = await opened()
        await grow(log, size)
        handle = handler(log)
        sent = Sent(log)
        costs = {}
        await handle(create(f"{size}", f"key{size}"), issued(create("1"), size))
        costs["a creation"] = sent.count()
        await handle(rename(f"{size}", "cold"), issued(rename("1", ""), size))
        costs["a first command on another set of streams"] = sent.count()
        for turn in range(3):
            await handle(rename(f"{size}", f"warm {turn}"), issued(rename("1", ""), size + turn + 1))
            costs[f"a warm command, {turn}"] = sent.count()
        other = await opened()
        elsewhere = Sent(other)
        await handler(other)(rename(f"{size}", "from elsewhere"), issued(rename("1", ""), size + 9))
        costs["a cold process"] = elsewhere.count()
        counted.append(costs)
    assert counted[0] == counted[1]
    assert {cost for name, cost in counted[0].items() if name.startswith("a warm")} == {1}
