"""A server with SPANS, and the engine over a folder that a test may open again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from commands.traces.normalise import normalise
from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.spans import NAME, SpanProjector
from infra.clickhouse import ClickHouse, open_clickhouse
from infra.messaging.feed import Feed
from infra.messaging.spans import STREAM, JetStreamSpans
from infra.nats.ending import ended
from projections.traces.queries import Page, Window, list_spans
from tests.unit.traces.spans import NOW


class Rig:
    """The stream, the engine and the projector between them."""

    def __init__(self, stream: JetStreamSpans, db: ClickHouse) -> None:
        self.stream = stream
        self.db = db
        self.positions = ModelPositions()

    async def put(self, *spans: dict[str, Any], space: str = "70") -> int:
        return await self.stream.put(space, normalise(spans, space, NOW).lines)

    @contextlib.asynccontextmanager
    async def projecting(self, db: ClickHouse | None = None) -> AsyncIterator[SpanProjector]:
        """A projector that runs."""
        self.positions = ModelPositions()
        projector = SpanProjector(self.stream, db or self.db, self.positions)
        task = asyncio.create_task(projector.run())
        try:
            yield projector
        finally:
            await ended(task)

    async def shown(self, position: int, space: str = "70") -> list[Any]:
        """The spans of a space when the table has come so far."""
        assert await self.positions.reached(NAME, position, 30)
        return await self.rows(space)

    async def rows(self, space: str = "70") -> list[Any]:
        window = Window(space, NOW - 10**12, NOW + 10**12)
        return list(await list_spans(self.db, window, "", Page(1000, ascending=True)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clickhouse"


@pytest.fixture
async def rig(bench, keys, folder) -> AsyncIterator[Rig]:
    nc = await bench.connect()
    db = open_clickhouse("", folder, 500_000_000)
    stream = JetStreamSpans(nc, keys, lambda: Feed(bench.connect, STREAM, gapless=False))
    yield Rig(stream, db)
    await db.close()
    await nc.close()
