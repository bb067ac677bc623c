"""What both engines share: a few threads with a client each, and answers read as lines of JSON."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson

from infra.clickhouse.port import ClickHouseAway, ClickHouseFailed

THREADS = 3
"""One writes, two read: a client answers one question at a time."""

T = TypeVar("T")


class PooledClickHouse:
    """The port `ClickHouse` over a function that opens a client of clickhouse-connect."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._mine = threading.local()
        self._clients: list[Any] = []
        self._opening = threading.Lock()

    def open_client(self) -> Any:
        """A client for one thread; runs there."""
        raise NotImplementedError

    def insert_lines(self, client: Any, table: str, lines: bytes) -> None:
        """Hands a block to the engine."""
        client.raw_insert(table, insert_block=lines, fmt="JSONEachRow")

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a question without FORMAT."""
        raw = await self._run(lambda client: client.raw_query(sql, fmt="JSONEachRow"))
        return [orjson.loads(line) for line in raw.split(b"\n") if line]

    async def execute(self, sql: str) -> None:
        """A statement without an answer."""
        await self._run(lambda client: client.command(sql))

    async def insert(self, table: str, lines: bytes) -> None:
        """One block of JSON rows, one a line."""
        await self._run(lambda client: self.insert_lines(client, table, lines))

    async def version(self) -> str:
        """The engine's version."""
        return str((await self.query("SELECT version() AS version"))[0]["version"])

    async def close(self) -> None:
        """Waits for what runs, then closes every client."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for client in self._clients:
            client.close()
        self._clients.clear()

    async def _run(self, work: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._work, work)

    def _work(self, work: Callable[[Any], T]) -> T:
        client = getattr(self._mine, "client", None)
        if client is None:
            try:
                with self._opening:
                    client = self._mine.client = self.open_client()
                    self._clients.append(client)
            except Exception as error:
                raise ClickHouseAway(f"ClickHouse cannot be opened: {error}") from error
        from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

        try:
            return work(client)
        except OperationalError as error:
            raise ClickHouseAway(str(error)) from error
        except ClickHouseError as error:
            raise ClickHouseFailed(str(error), getattr(error, "code", None) or 0) from error
