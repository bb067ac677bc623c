"""A SQLite file for each specification of the runner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.sql import open_database
from infra.sql.database import SqlDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqlDatabase]:
    opened = open_database(f"sqlite:///{tmp_path}/read.db")
    yield opened
    await opened.close()
