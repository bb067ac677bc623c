"""The port of ClickHouse, and what may come back instead of an answer."""

from __future__ import annotations

from typing import Any, Protocol

SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "date_time_input_format": "basic",
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_parallel_parsing": 0,
    "max_execution_time": 30,
    "max_query_size": 64 * 1024 * 1024,
    "max_ast_elements": 1_000_000,
    "max_expanded_ast_elements": 1_000_000,
    "max_partitions_per_insert_block": 0,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "use_query_condition_cache": 0,
}
"""Of every session. Without the two about dates a tag's text that looks like a date becomes one."""


class ClickHouseFailed(Exception):
    """The engine refused a statement or ended it; ``code`` is ClickHouse's own, 0 when it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class ClickHouseAway(ClickHouseFailed):
    """The engine cannot be reached or opened; nothing was done, or nobody can say."""


class ClickHouse(Protocol):
    """Runs statements off the event loop, a few at once, each on a connection of its own thread."""

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a question without FORMAT; 64-bit integers stay whole. Raises ClickHouseFailed."""
        ...

    async def execute(self, sql: str) -> None:
        """A statement without an answer. Raises ClickHouseFailed."""
        ...

    async def insert(self, table: str, lines: bytes) -> None:
        """One block of JSON rows, one a line; durable against the end of this process. Raises ClickHouseFailed."""
        ...

    async def version(self) -> str:
        """The engine's version. Raises ClickHouseFailed."""
        ...

    async def close(self) -> None:
        """Gives every connection back."""
        ...
