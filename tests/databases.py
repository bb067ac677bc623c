"""Database servers for tests: each run has databases of its own, which it drops.

Addresses come from COZELOOP_TEST_MYSQL_URL and COZELOOP_TEST_POSTGRES_URL. A server that cannot be reached skips its
tests with the reason, and fails them when CI=true.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

KINDS = ("sqlite", "mysql", "postgresql")
_ADDRESSES = {
    "mysql": ("COZELOOP_TEST_MYSQL_URL", "mysql+asyncmy://root@127.0.0.1/test"),
    "postgresql": ("COZELOOP_TEST_POSTGRES_URL", "postgresql+asyncpg://postgres@127.0.0.1/postgres"),
}


@asynccontextmanager
async def fresh_database(kind: str, directory: Path) -> AsyncIterator[str]:
    """The address of an empty database of this kind, dropped at the end."""
    if kind == "sqlite":
        yield f"sqlite:///{directory}/{secrets.token_hex(4)}.db"
        return
    variable, default = _ADDRESSES[kind]
    address = make_url(os.environ.get(variable, default))
    name = f"cozeloop_test_{secrets.token_hex(6)}"
    server = create_async_engine(address, isolation_level="AUTOCOMMIT")
    try:
        try:
            async with server.connect() as conn:
                await conn.execute(text(f"CREATE DATABASE {name}"))
        except Exception as error:
            reason = f"no {kind} server behind {variable}: {type(error).__name__}: {error}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        try:
            yield address.set(database=name).render_as_string(hide_password=False)
        finally:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            async with server.connect() as conn:
                await conn.execute(text(f"DROP DATABASE {name}{force}"))
    finally:
        await server.dispose()
