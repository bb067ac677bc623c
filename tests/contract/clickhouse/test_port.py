"""What every adapter of the port `ClickHouse` promises."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from infra.clickhouse.port import ClickHouseFailed

ODD = [
    "",
    "'",
    "\\",
    "\\'",
    "a\nb",
    "\t",
    "%s",
    "{x:String}",
    "?",
    "; DROP TABLE port_test",
    "日本",
    "😀",
    "FORMAT Null",
]


def lines(*rows) -> bytes:
    return b"\n".join(map(orjson.dumps, rows))


async def test_rows_are_read_back_as_they_were_inserted(clickhouse):
    rows = [{"n": i, "t": text, "j": {"k": text}} for i, text in enumerate(ODD)]
    await clickhouse.insert("port_test", lines(*rows))
    assert await clickhouse.query("SELECT * FROM port_test ORDER BY n") == rows


async def test_large_numbers_stay_whole(clickhouse):
    await clickhouse.insert("port_test", lines({"n": (1 << 63) - 1, "j": {"least": -(1 << 63)}}))
    [row] = await clickhouse.query("SELECT n, j FROM port_test")
    assert row == {"n": (1 << 63) - 1, "j": {"least": -(1 << 63)}}


async def test_a_text_that_looks_like_a_date_stays_a_text(clickhouse):
    await clickhouse.insert("port_test", lines({"n": 1, "j": {"day": "2025-01-01", "time": "2025-01-01 10:00:00"}}))
    [row] = await clickhouse.query("SELECT j.day.:String AS day, j.time.:String AS time FROM port_test")
    assert row == {"day": "2025-01-01", "time": "2025-01-01 10:00:00"}


async def test_a_block_with_a_row_that_cannot_be_one_is_refused_whole(clickhouse):
    with pytest.raises(ClickHouseFailed):
        await clickhouse.insert("port_test", lines({"n": 1}) + b'\n{"n":"x"}')
    assert await clickhouse.query("SELECT * FROM port_test") == []


async def test_a_statement_that_is_refused_says_why_with_its_code(clickhouse):
    with pytest.raises(ClickHouseFailed) as refused:
        await clickhouse.query("SELECT nowhere")
    assert refused.value.code == 47
    assert (await clickhouse.query("SELECT 1 AS one")) == [{"one": 1}]


async def test_questions_and_blocks_go_on_at_the_same_time(clickhouse):
    blocks = [lines(*({"n": b * 100 + i, "t": "x"} for i in range(100))) for b in range(10)]
    asked = [clickhouse.query("SELECT count() AS n FROM port_test") for _ in range(10)]
    await asyncio.gather(*(clickhouse.insert("port_test", b) for b in blocks), *asked)
    assert await clickhouse.query("SELECT count() AS n FROM port_test") == [{"n": 1000}]


async def test_the_version_is_said(clickhouse):
    assert (await clickhouse.version())[0].isdigit()
