"""SQLite: one connection that writes, in a thread of its own, and a few that read beside it.

WAL lets readers go on while the writer commits. With ``synchronous=NORMAL`` a power cut may take the last
transactions, never the file's integrity: what is folded from the log is folded again. ``full_sync`` is for what no log
can rebuild. A database in memory has one connection for everything.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, Table, create_engine, event

from infra.sql.live import LiveTables
from infra.sql.retrying import retried

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MILLISECONDS = 5_000


class SqliteDatabase:
    """The port `SqlDatabase` on a file, or in memory when the URL names none."""

    def __init__(self, url: URL, *, full_sync: bool = False, readers: int = 4) -> None:
        path = url.database if url.database != ":memory:" else None
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        target = URL.create("sqlite", database=path, query=url.query)
        self._live = LiveTables()
        self._writing = Lane(sqlite_engine(target, "BEGIN IMMEDIATE", full_sync), 1, "sqlite-writer")
        reading = sqlite_engine(target, "BEGIN", full_sync)
        self._reading = Lane(reading, readers, "sqlite-reader") if path else self._writing

    @property
    def live_tables(self) -> Mapping[str, Table]:
        """Read model name -> table."""
        return self._live.tables

    def switch(self, tables: Mapping[str, Table]) -> None:
        """From now on queries of these read models use these tables."""
        self._live.switch(tables)

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a query function on one snapshot, in a reader thread."""
        return await self._live.query(lambda: self._reading.run(self._live.tables, partial(_call, work, args, kwargs)))

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function in a transaction that holds the write lock from its begin, in the writer thread.

        Cancelling the caller does not undo it: the thread goes on and commits.
        """
        return await retried(lambda: self._writing.run(self._live.tables, partial(_call, work, args, kwargs)))

    async def scrub(self) -> None:
        """Writes the file anew without what was deleted, and empties the WAL; writers wait meanwhile."""
        for statement in ("vacuum", "pragma wal_checkpoint(truncate)"):
            await self._writing.alone(statement)

    async def close(self) -> None:
        """Waits for what runs, then closes readers and writer; the last one folds the WAL into the file."""
        if self._reading is not self._writing:
            await self._reading.close()
        await self._writing.close()


class Lane:
    """Threads that each keep one connection open: a query costs one hop to a thread and back."""

    def __init__(self, engine: Engine, threads: int, name: str) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._local = threading.local()
        self._open: list[Connection] = []

    async def run(self, tables: Mapping[str, Table], work: Callable[[Connection], T]) -> T:
        """Runs the work in a transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, tables, work)

    async def alone(self, statement: str) -> None:
        """Executes a statement that cannot be in a transaction."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._execute, statement)

    async def close(self) -> None:
        """Waits for what runs and closes the connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._executor.shutdown)
        for conn in self._open:
            conn.close()
        self._open.clear()
        self._engine.dispose()

    def _execute(self, statement: str) -> None:
        driver: Any = self._connection().connection.driver_connection
        driver.execute("pragma temp_store=default").execute(statement).fetchall()
        driver.execute("pragma temp_store=memory")

    def _connection(self) -> Connection:
        conn: Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._local.conn = self._engine.connect()
            self._open.append(conn)
        return conn

    def _transact(self, tables: Mapping[str, Table], work: Callable[[Connection], T]) -> T:
        conn = self._connection()
        if conn.get_execution_options().get("live_tables") is not tables:
            conn.execution_options(live_tables=tables)
        with conn.begin():
            return work(conn)


def _call(work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], conn: Connection) -> T:
    return work(conn, *args, **kwargs)


def sqlite_engine(url: URL, begin: str, full_sync: bool) -> Engine:
    """An engine whose every connection is a new one; a URL without a file gives each a database in memory."""
    """An engine whose every connection is a new one; a URL without a file gives each a database in memory."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False, "cached_statements": 512})

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: the driver's own comes too late for a read before a write
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=wal",
            f"synchronous={'full' if full_sync else 'normal'}",
            "temp_store=memory",
        ):
            cursor.execute(f"pragma {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _(conn: Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine
