"""The platform's traces behind the port `Spans`: the stream that acknowledges, the table that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.spans import NAME, SpanProjector
from infra.clickhouse.port import ClickHouse, ClickHouseAway, ClickHouseFailed
from infra.eventstore.log import LogUnavailable
from infra.messaging.spans import JetStreamSpans

P = ParamSpec("P")
T = TypeVar("T")

MOST_WAITING = 500
"""Batches that may wait for the table before senders are slowed down."""
SLOWED_SECONDS = 1.0
"""How long a sender is kept at most: an SDK gives up after three seconds and sends the batch again."""
OPEN_SECONDS = 5.0
TOO_SLOW, TOO_LARGE = 159, 241
"""ClickHouse's codes for a query that takes too long or too much memory."""


class Traces:
    """Spans of this platform. For one event loop."""

    def __init__(
        self, stream: JetStreamSpans, db: ClickHouse, projector: SpanProjector, positions: ModelPositions
    ) -> None:
        self._stream = stream
        self._db = db
        self._positions = positions
        self.projector = projector

    async def put(self, space: str, lines: Sequence[bytes]) -> int:
        """Stores the rows and returns their position; slows down who sends more than the table takes.

        Raises LogUnavailable when they were not stored, and Unknown when nobody can say.
        """
        if not lines:
            return 0
        position = await self._stream.put(space, lines)
        if position - self._positions.of(NAME) > MOST_WAITING:
            await self._positions.reached(NAME, position - MOST_WAITING, SLOWED_SECONDS)
        return position

    def figures(self) -> Mapping[str, int]:
        """Where the table stands in SPANS, and what was counted since it was made or since this process began."""
        table = self.projector.table
        return {
            "position": table.position if table else 0,
            "conflicts_total": table.conflicts if table else 0,
            "inserted_total": self.projector.inserted,
            "blocks_total": self.projector.blocks,
            "unreadable_total": self._stream.unreadable,
        }

    async def behind(self) -> int:
        """How many batches of SPANS the table does not show yet."""
        _, _, end = await self._stream.span()
        return max(0, end - self._positions.of(NAME))

    async def remove(self, space: str) -> int:
        """Removes what stream and table hold of a space whose key is destroyed; returns the rows."""
        await self._stream.purge(space)
        return await self.projector.erase(space)

    async def ask(
        self, query: Callable[Concatenate[ClickHouse, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a query function; raises LogUnavailable while there is no table, TimeoutError for too much."""
        if not await self.projector.opened(OPEN_SECONDS):
            raise LogUnavailable(f"the trace table is not open: {self.projector.trouble or 'it is being opened'}")
        try:
            return await query(self._db, *args, **kwargs)
        except ClickHouseAway as error:
            raise LogUnavailable(f"the trace table does not answer: {error}") from error
        except ClickHouseFailed as error:
            if error.code in (TOO_SLOW, TOO_LARGE):
                raise TimeoutError(str(error)) from error
            raise
