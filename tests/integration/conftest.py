"""A nats-server of our own for the session, from the wheel, and a fresh one for whoever breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.messaging.server import NatsServer
from infra.messaging.streams import connect, ensure_streams
from infra.vault.keys import SpaceKey


class Bench:
    """A running server with its streams: ``await bench.connect()`` is the application's connection."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.log_id = ""

    async def set_up(self) -> None:
        nc = await self.admin()
        self.log_id = await ensure_streams(nc)
        await nc.close()

    async def connect(self, **options):
        return await connect(self.server.url, self.server.app, **options)

    async def admin(self, **options):
        return await connect(self.server.url, self.server.admin, **options)


class FixedKeys:
    """A key ring without a vault: every space's key is made of its name. ``destroy`` forgets one."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def current(self, space: str) -> SpaceKey | None:
        return None if space in self.gone else SpaceKey(f"{space}.1", space.encode().ljust(32, b"k"))

    async def of(self, space: str) -> SpaceKey:
        key = self.current(space)
        assert key is not None
        return key

    def cached(self, key_id: str) -> SpaceKey | None:
        return self.current(key_id.partition(".")[0])

    async def by_id(self, key_id: str) -> SpaceKey | None:
        return self.cached(key_id)

    def destroy(self, space: str) -> None:
        self.gone.add(space)


class HeldObjects:
    """Objects in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self.held[name] = data

    async def get(self, name: str) -> bytes | None:
        return self.held.get(name)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A server of the test's own (a start costs 15 ms)."""
    async with NatsServer(tmp_path / "nats") as server:
        made = Bench(server)
        await made.set_up()
        yield made


@pytest.fixture
def keys() -> FixedKeys:
    return FixedKeys()


async def until(true, seconds: float = 10.0) -> None:
    """Waits until a condition holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)
