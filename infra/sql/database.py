"""The port of a relational database: a query holds a connection no longer than it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Table

P = ParamSpec("P")
T = TypeVar("T")


class Database(Protocol):
    """SQLite, MariaDB/MySQL or PostgreSQL behind one form."""

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a query function; the connection is held no longer (never while waiting for a position)."""
        ...

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a function in one transaction, alone among writers of this process.

        Deadlocks and lock waits are tried again, so the function may run more than once: it changes nothing but
        the database.
        """
        ...

    async def scrub(self) -> None:
        """What was deleted is nowhere in the files that are ours; takes as long as writing them anew.

        A database server keeps deleted rows until it cleans up by itself, and in its own logs and backups.
        """
        ...

    async def close(self) -> None:
        """Gives every connection back."""
        ...


class SqlDatabase(Database, Protocol):
    """A database that also holds which table each read model's queries use."""

    @property
    def live_tables(self) -> Mapping[str, Table]:
        """Read model name -> table; every connection carries it as the execution option ``live_tables``."""
        ...

    def switch(self, tables: Mapping[str, Table]) -> None:
        """From now on queries of these read models use these tables. A query that runs meanwhile is run again."""
        ...
