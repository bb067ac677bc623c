"""Connections on uvloop, which refuses what asyncio's own loop lets pass."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import uvloop

from infra.messaging.server import NatsServer
from infra.nats.connecting import connect
from tests.integration.conftest import until

DEATHS = 3


async def written_while_the_server_dies(folder: Path) -> None:
    """Publishes without a pause while the server dies again and again; then a message arrives, and it closes."""
    arrived = asyncio.Event()

    async def take(_: object) -> None:
        arrived.set()

    async with NatsServer(folder / "nats") as server:
        nc = await connect(server.url, server.app, reconnect_time_wait=0.01)
        await nc.subscribe("news", cb=take)
        for death in range(1, DEATHS + 1):
            os.kill(server.pid, signal.SIGKILL)
            while server.restarts < death:
                await nc.publish("lost", b"x" * 1000)
                await asyncio.sleep(0.001)
        await until(lambda: nc.is_connected)
        async with asyncio.timeout(10):
            while not arrived.is_set():
                await nc.publish("news", b"")
                await asyncio.sleep(0.01)
        os.kill(server.pid, signal.SIGKILL)
        await nc.publish("lost", b"x")
        await nc.close()
        assert nc.is_closed


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_connection_comes_back_and_closes_whatever_was_being_written(tmp_path: Path, loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(written_while_the_server_dies(tmp_path))
