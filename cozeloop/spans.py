"""The port of traces: what stores spans and answers questions on them. `cozeloop.platform` shows it with the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from infra.clickhouse import ClickHouse

P = ParamSpec("P")
T = TypeVar("T")


class Spans(Protocol):
    """Traces: batches of spans, stored when `put` returns, and questions on the table that they end in."""

    async def put(self, space: str, lines: Sequence[bytes]) -> int:
        """Stores rows made by `commands.traces` and returns their position; raises LogUnavailable or Unknown."""
        ...

    async def ask(
        self, query: Callable[Concatenate[ClickHouse, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a query of `projections.traces`; raises LogUnavailable, and TimeoutError for one that takes too long."""
        ...

    def figures(self) -> Mapping[str, int]:
        """What it has counted, by the names of metrics."""
        ...
