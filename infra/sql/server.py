"""MariaDB, MySQL and PostgreSQL: an async driver, a pool, and the same query functions through ``run_sync``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra.sql.dialect import JOINED_BYTES
from infra.sql.live import LiveTables
from infra.sql.retrying import retried

P = ParamSpec("P")
T = TypeVar("T")

RECYCLE_SECONDS = 1_800
"""Connections older than this are made anew: below the idle limits that servers and proxies commonly have."""


class ServerDatabase:
    """The port `SqlDatabase` on a server. Reads see one snapshot, however many statements they make."""

    def __init__(self, url: URL, *, readers: int = 10) -> None:
        self._live = LiveTables()
        self._turn = asyncio.Lock()
        options: dict[str, Any] = {"pool_size": readers, "max_overflow": 1, "pool_recycle": RECYCLE_SECONDS}
        snapshot = {"isolation_level": "REPEATABLE READ"}
        if url.get_backend_name() == "postgresql":
            # said with each BEGIN, so it costs nothing; writers stay at READ COMMITTED and wait instead of failing
            self._engine: AsyncEngine = create_async_engine(url, **options)
            self._reading = self._engine.execution_options(**snapshot)
        else:
            # a round trip, so once per connection
            said = {"charset": "utf8mb4", "init_command": f"set session group_concat_max_len = {JOINED_BYTES}"}
            self._engine = create_async_engine(url, connect_args=said, **snapshot, **options)
            self._reading = self._engine

    @property
    def live_tables(self) -> Mapping[str, Table]:
        """Read model name -> table."""
        return self._live.tables

    def switch(self, tables: Mapping[str, Table]) -> None:
        """From now on queries of these read models use these tables."""
        self._live.switch(tables)

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a query function on one snapshot."""

        async def attempt() -> T:
            async with self._reading.connect() as conn:
                await conn.execution_options(live_tables=self._live.tables)
                return await conn.run_sync(work, *args, **kwargs)

        return await self._live.query(attempt)

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function in one transaction; this process' writers take turns, others' locks are waited out."""

        async def attempt() -> T:
            async with self._engine.connect() as conn:
                await conn.execution_options(live_tables=self._live.tables)
                async with conn.begin():
                    return await conn.run_sync(work, *args, **kwargs)

        async with self._turn:
            return await retried(attempt)

    async def scrub(self) -> None:
        """Nothing: the server cleans up by itself."""

    async def close(self) -> None:
        """Closes the pool."""
        await self._engine.dispose()
