"""The same promises on SQLite, MariaDB/MySQL and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.sql import open_database
from infra.sql.database import SqlDatabase
from tests.databases import KINDS, fresh_database


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.database(kind)) for kind in KINDS])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def database(address: str) -> AsyncIterator[SqlDatabase]:
    opened = open_database(address)
    yield opened
    await opened.close()
