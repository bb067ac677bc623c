"""A vault over each kind of database, and a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.sql import open_database
from infra.sql.database import SqlDatabase
from infra.vault.installation import installation_key
from infra.vault.vault import Vault, open_vault
from tests.databases import KINDS, fresh_database


@dataclass
class Clock:
    """Stands until it is moved."""

    at: datetime = field(default_factory=lambda: datetime(2025, 3, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **units: float) -> None:
        self.at += timedelta(**units)


class Counted:
    """The port of a database; counts what is read."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self.reads = 0

    async def read(self, work, *args, **kwargs):
        self.reads += 1
        return await self._database.read(work, *args, **kwargs)

    async def write(self, work, *args, **kwargs):
        return await self._database.write(work, *args, **kwargs)

    async def scrub(self) -> None:
        await self._database.scrub()

    async def close(self) -> None:
        await self._database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counted]:
    async with fresh_database(request.param, tmp_path) as url:
        opened = Counted(open_database(url, full_sync=True))
        yield opened
        await opened.close()


@pytest.fixture
async def vault(database: Counted, tmp_path: Path, clock: Clock) -> AsyncIterator[Vault]:
    opened = await open_vault(database, installation_key(tmp_path), clock)
    yield opened
    await opened.tokens.settle()
    opened.passwords.close()
