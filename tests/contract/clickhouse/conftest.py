"""The same promises of the engine in this process and, when COZELOOP_TEST_CLICKHOUSE_URL names one, of a server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.clickhouse import ClickHouse, open_clickhouse

SERVER = "COZELOOP_TEST_CLICKHOUSE_URL"


@pytest.fixture(params=["", *filter(None, [os.environ.get(SERVER)])], ids=lambda url: "server" if url else "embedded")
async def clickhouse(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClickHouse]:
    opened = open_clickhouse(request.param, tmp_path / "clickhouse", 500_000_000)
    await opened.execute("DROP TABLE IF EXISTS port_test")
    await opened.execute("CREATE TABLE port_test (n Int64, t String, j JSON) ENGINE = MergeTree ORDER BY n")
    yield opened
    await opened.execute("DROP TABLE IF EXISTS port_test")
    await opened.close()
