"""A URL picks the database: ``sqlite:///path``, ``mysql+asyncmy://…`` or ``postgresql+asyncpg://…``."""

from __future__ import annotations

from sqlalchemy import make_url

from infra.sql.database import SqlDatabase
from infra.sql.server import ServerDatabase
from infra.sql.sqlite import SqliteDatabase


def open_database(url: str, *, full_sync: bool = False) -> SqlDatabase:
    """The database of a URL; connects at the first query.

    ``full_sync``: a SQLite transaction is on the disk when it returns (servers decide for themselves). Raises
    ValueError for an address of another kind.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return SqliteDatabase(parsed, full_sync=full_sync)
    if backend in ("mysql", "mariadb", "postgresql"):
        return ServerDatabase(parsed)
    raise ValueError(f"no database is known for {backend!r}: use sqlite, mysql+asyncmy or postgresql+asyncpg")
