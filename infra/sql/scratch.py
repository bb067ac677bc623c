"""Databases in memory that live as long as one question and hold a bounded number of bytes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import URL, Connection, Table
from sqlalchemy.exc import OperationalError

from infra.sql.dialect import create_table
from infra.sql.sqlite import sqlite_engine

P = ParamSpec("P")
T = TypeVar("T")

PAGE_BYTES = 4096
AT_ONCE = 2
"""Databases that exist at the same time; further ones wait."""


class ScratchFull(Exception):
    """The database would hold more bytes than it may."""


class ScratchDatabase:
    """The port `Database` on a connection of its own; gone when it is closed."""

    def __init__(self, conn: Connection, threads: ThreadPoolExecutor) -> None:
        self._conn = conn
        self._threads = threads

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a query function."""
        return await self.write(work, *args, **kwargs)

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function in one transaction; raises ScratchFull."""
        call = partial(work, self._conn, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, call)

    async def close(self) -> None:
        """Lets go of everything that it held."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._conn.close)

    def _transact(self, call: Callable[[], T]) -> T:
        try:
            with self._conn.begin():
                return call()
        except OperationalError as error:
            if "is full" in str(error.orig):
                raise ScratchFull("too many bytes") from error
            raise


class ScratchDatabases:
    """Makes them, each with the same empty tables. One thread works for all: together they take one core at most."""

    def __init__(self, tables: Mapping[str, Table], most_bytes: int) -> None:
        self._tables = tables
        self._most_pages = max(1, most_bytes // PAGE_BYTES)
        self._engine = sqlite_engine(URL.create("sqlite"), "BEGIN", False)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="scratch")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._empty: Connection | None = None

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[ScratchDatabase]:
        """An empty one, closed at the end of the block."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            made = ScratchDatabase(await loop.run_in_executor(self._threads, self._connect), self._threads)
            try:
                yield made
            finally:
                await made.close()

    async def close(self) -> None:
        """Ends the thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._engine.dispose()

    def _connect(self) -> Connection:
        if self._empty is None:
            self._empty = self._engine.connect()
            with self._empty.begin():
                for table in self._tables.values():
                    create_table(self._empty, table)
        conn = self._engine.connect().execution_options(live_tables=self._tables)
        raw(self._empty).backup(raw(conn))
        raw(conn).execute(f"pragma max_page_count={self._most_pages}")
        return conn


def raw(conn: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    return cast(sqlite3.Connection, cast(Any, conn.connection).driver_connection)
