"""When the projector of spans rests, and when it does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.spans import FULL_ROWS, SpanProjector
from infra.messaging.spans import SpanBatch
from projections.traces.table import PLACES


class Engine:
    """An empty table that forgets what it is given."""

    async def query(self, sql: str) -> list[dict[str, Any]]:
        return [{"position": 0, "conflicts": 0}] if PLACES in sql else []

    async def execute(self, sql: str) -> None:
        pass

    async def insert(self, table: str, lines: bytes) -> None:
        pass

    async def version(self) -> str:
        return "0"

    async def close(self) -> None:
        pass


class Source:
    """A stream of two deliveries; ``read`` when more is asked for."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.read = asyncio.Event()

    async def span(self) -> tuple[str, int, int]:
        return "2026-11-21", 1, 2

    async def batches(self, after: int) -> AsyncIterator[list[SpanBatch]]:
        for position in (1, 2):
            yield [SpanBatch("7", lines(position, self._rows), position)]
        self.read.set()
        await asyncio.Event().wait()


class Positions(ModelPositions):
    """Nobody waits; counts the rests."""

    def __init__(self) -> None:
        super().__init__()
        self.rests = 0

    async def wanted(self, model: str, timeout: float) -> bool:
        self.rests += 1
        return False


def lines(position: int, rows: int) -> bytes:
    """Spans of a trace of their own."""
    return b"\n".join(
        b'{"trace_id":"%032x","span_id":"%016x","start_time":1,"x":0}' % (position, n) for n in range(rows)
    )


@pytest.mark.parametrize(("rows", "rests"), [(1, 2), (FULL_ROWS - 1, 2), (FULL_ROWS, 0)])
async def test_it_rests_after_few_rows_and_goes_on_at_once_after_many(rows: int, rests: int) -> None:
    positions = Positions()
    source = Source(rows)
    projector = SpanProjector(source, Engine(), positions)
    running = asyncio.create_task(projector.run())
    try:
        async with asyncio.timeout(10):
            await source.read.wait()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert (projector.inserted, positions.rests) == (2 * rows, rests)
