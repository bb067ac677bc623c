"""W5: a timeout is neither success nor failure; the same command id tells afterwards what happened.

The server is stopped (SIGSTOP) after the command id was looked up: the append lies in its socket, unanswered.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cozeloop.handling import Receipt
from infra.eventstore.log import LogUnavailable, Unknown
from tests.integration.proof.commanding import SeenInLog, create, effects, handler, keyed, rename, told

TIMEOUT = 1.0


class StopsServer(SeenInLog):
    """Stops the server once a command id was looked up in vain."""

    def __init__(self, log, pid: int) -> None:
        super().__init__(log)
        self._pid = pid
        self.armed = False

    async def find(self, command_id: str):
        found = await super().find(command_id)
        if self.armed and found is None:
            self.armed = False
            os.kill(self._pid, signal.SIGSTOP)
        return found


@contextmanager
def going_on(pid: int) -> Iterator[None]:
    """Whatever happens, the server goes on in the end."""
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


COMMANDS = [
    pytest.param(create("5", "another"), ["PromptCreated", "NameClaimed"], id="a batch over two streams"),
    pytest.param(rename("4", "other"), ["PromptRenamed"], id="a single event on a warm stream"),
]


@pytest.mark.parametrize(("command", "wanted"), COMMANDS)
async def test_a_timed_out_append_is_unknown_and_its_id_tells_what_happened(opened, bench, command, wanted):
    log = await opened(timeout=TIMEOUT)
    commands = StopsServer(log, bench.server.pid)
    handle = handler(log, commands)
    await handle(create("4"), keyed("before"))
    await handle(rename("4", "warm"), keyed("before too"))
    commands.armed = True
    with going_on(bench.server.pid), pytest.raises(Unknown):
        await handle(command, keyed("mine"))
    first = await handle(command, keyed("mine"))
    assert [type(r.event).__name__ for r in first.events] == wanted
    other = await opened()
    again = await handler(other)(command, keyed("mine"))
    assert told(again) == told(first)
    counted = await effects(other)
    assert {k: n for k, n in counted.items() if k[0] == "mine"} == {("mine", name): 1 for name in wanted}


@pytest.mark.parametrize(("command", "wanted"), COMMANDS)
async def test_whenever_the_server_goes_on_there_is_one_effect(opened, bench, command, wanted):
    """Between the append's timeout and the look-up's: the answer is the receipt or unknown, never a second effect."""
    dice = random.Random(11)
    log = await opened(timeout=0.1)
    commands = StopsServer(log, bench.server.pid)
    handle = handler(log, commands)
    await handle(create("4"), keyed("before"))
    await handle(rename("4", "warm"), keyed("before too"))
    patient = handler(await opened())
    ids = [f"{i}" for i in range(20)]
    for number, id in enumerate(ids):
        prompt = str(100 + number)
        issued = create(prompt, f"key{number}") if "PromptCreated" in wanted else rename("4", f"name {number}")
        commands.armed = True
        with going_on(bench.server.pid):
            trying = asyncio.create_task(handle(issued, keyed(id)))
            await asyncio.sleep(0.02 + dice.random() * 0.2)
        results = await asyncio.gather(trying, handle(issued, keyed(id)), return_exceptions=True)
        assert all(isinstance(r, Unknown | LogUnavailable | Receipt) for r in results), results
        settled = await patient(issued, keyed(id))
        assert [told(r) for r in results if isinstance(r, Receipt)] in ([], [told(settled)], [told(settled)] * 2)
    counted = await effects(log)
    assert {k: n for k, n in counted.items() if "before" not in k[0]} == {(i, name): 1 for i in ids for name in wanted}


async def test_a_command_whose_append_never_arrived_is_done_by_the_repeat(opened, bench):
    """The server is killed while it is stopped: what lay in its socket is gone."""
    log = await opened(timeout=TIMEOUT)
    commands = StopsServer(log, bench.server.pid)
    handle = handler(log, commands)
    commands.armed = True
    stopped = bench.server.pid
    with pytest.raises(Unknown):
        await handle(create("5"), keyed("mine"))
    os.kill(stopped, signal.SIGKILL)
    receipt = await handle(create("5"), keyed("mine"))
    assert receipt.position == 2
    assert set((await effects(log)).values()) == {1}
