"""The projector of spans: batches of SPANS into the table, joined while they wait.

A block costs the engine about the same whatever it holds. So the projector rests after what did not fill one, and
takes what came meanwhile together; the rest ends at once when somebody waits to see what was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Protocol

from cozeloop.projecting.positions import ModelPositions
from infra.clickhouse import ClickHouse
from infra.messaging.feed import LogHole
from infra.messaging.spans import SpanBatch
from projections.traces.table import TABLE
from projections.traces.writing import Lines, SpanTable

log = logging.getLogger(__name__)

NAME = "spans"
"""Of its positions: ``spans:45``."""
BLOCK_BYTES = 32 * 1024 * 1024
BLOCK_ROWS = 20_000
LONGEST_PAUSE = 5.0
FULL_ROWS = 5_000
"""Rows from which on a block costs what it holds: nothing is gained by waiting for more."""
GATHERED_SECONDS = 0.5
"""How long spans are let come together while nobody waits for them: each insert is a part of the table, to be synced
and merged."""


class Source(Protocol):
    """The stream that it reads."""

    def batches(self, after: int) -> AsyncIterator[list[SpanBatch]]:
        """Batches behind a position, for ever."""
        ...

    async def span(self) -> tuple[str, int, int]:
        """When the stream was made, and the positions of its first and last message."""
        ...


class SpanProjector:
    """Goes on for as long as it runs; what fails is tried again from where the table stands."""

    def __init__(self, source: Source, db: ClickHouse, positions: ModelPositions) -> None:
        self._source = source
        self._db = db
        self._positions = positions
        self._opened = asyncio.Event()
        self._opening = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._erased: set[str] = set()
        self.table: SpanTable | None = None
        self.trouble = ""
        """What keeps it from going on; empty while nothing does."""
        self.inserted = 0
        self.blocks = 0

    async def run(self) -> None:
        """Opens the table, then takes what comes."""
        pause = 0.05
        while True:
            before = self.inserted
            try:
                await self._follow()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.trouble = f"the table of spans: {error}"
                log.exception("the projector of spans broke off, beginning again")
            pause = 0.05 if self.inserted > before else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Opens the table as it stands, also where nothing follows the stream; raises ClickHouseFailed."""
        async with self._opening:
            if self.table is None:
                await self._stand()

    async def opened(self, seconds: float) -> bool:
        """Whether the table is open, waiting so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._opened.wait()
        except TimeoutError:
            return False
        return True

    async def stands(self) -> int:
        """How far the table has come in SPANS; opens it when nobody has. Raises what ClickHouse raises."""
        return (self.table or await self._table()).position

    async def erase(self, space: str) -> int:
        """Removes a space's rows; what of it is on its way does not arrive. Returns how many they were."""
        self._erased.add(space)
        async with self._turn:
            table = self.table or await self._table()
            return await table.erase(space)

    async def rebuild(self) -> AsyncIterator[Mapping[str, Any]]:
        """Builds the table anew beside the live one from SPANS, and switches; yields progress as `replay` does.

        What SPANS no longer holds is taken over from the live table. Spans go on arriving meanwhile.
        """
        created, first, end = await self._source.span()
        live = self.table or await self._table()
        anew = SpanTable(self._db, created, f"{TABLE}_anew")
        await anew.empty()
        await anew.copy(live, first)
        told = {"read_model": NAME, "total": max(0, end - first + 1)}
        async for block in self._blocks(first - 1, end):
            async with self._turn:
                await anew.take(self._kept(block))
            yield {**told, "done": anew.position - first + 1, "state": "building"}
        async with self._turn:
            async for block in self._blocks(max(end, first - 1), live.position):
                await anew.take(self._kept(block))
            await anew.replace(live)
        yield {**told, "done": told["total"], "state": "switched"}

    async def _blocks(self, after: int, end: int) -> AsyncIterator[list[Lines]]:
        """Blocks of what lies behind ``after``, until one that holds ``end``."""
        if after >= end:
            return
        async for batches in self._source.batches(after):
            for block in blocks(batches):
                yield block
            if batches[-1].position >= end:
                return

    def _kept(self, block: Sequence[Lines]) -> list[Lines]:
        return [b if b.space not in self._erased else Lines(b.space, b"", b.position) for b in block]

    async def _table(self) -> SpanTable:
        created, _, _ = await self._source.span()
        table = SpanTable(self._db, created)
        await table.open()
        return table

    async def _stand(self) -> SpanTable:
        table = await self._table()
        _, _, end = await self._source.span()
        if table.position > end:
            log.warning("SPANS ends at %d, the table had come to %d: it goes on from there", end, table.position)
            await table.note(end)
        if table.position >= end:
            self.trouble = ""  # nothing waits behind what went wrong
        self.table = table
        self._positions.post([NAME], table.position)
        self._opened.set()
        return table

    async def _follow(self) -> None:
        async with self._opening:
            table = await self._stand()
        try:
            async for batches in self._source.batches(table.position):
                taken = self.inserted
                for block in blocks(batches):
                    async with self._turn:
                        self.inserted += await table.take(self._kept(block))
                    self.blocks += 1
                    self.trouble = ""
                    self._positions.post([NAME], table.position)
                if self.inserted - taken < FULL_ROWS:
                    await self._positions.wanted(NAME, GATHERED_SECONDS)
        except LogHole as hole:
            log.warning("%s; reading on from what is there", hole)


def blocks(batches: Sequence[SpanBatch], rows: int = BLOCK_ROWS, size: int = BLOCK_BYTES) -> Iterator[list[Lines]]:
    """Batches joined into blocks of about so many rows and bytes; a batch is never divided."""
    block: list[Lines] = []
    held = weight = 0
    for batch in batches:
        count = batch.lines.count(b"\n") + 1
        if block and (held + count > rows or weight + len(batch.lines) > size):
            yield block
            block, held, weight = [], 0, 0
        block.append(Lines(batch.space, batch.lines, batch.position))
        held += count
        weight += len(batch.lines)
    if block:
        yield block
