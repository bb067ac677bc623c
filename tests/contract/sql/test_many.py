"""Many rows by one statement are what the same rows one by one would be, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, select
from sqlalchemy.exc import IntegrityError

from infra.sql.database import SqlDatabase
from infra.sql.dialect import Id, JsonText, LongText, Real, add, change, create_table, insert, remove, upsert
from infra.sql.many import MANY, execute_many

MANY_ROWS = MANY * 3

T = Table(
    "many",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("score", Real, nullable=True),
    Column("text", LongText, nullable=True),
    Column("doc", JsonText(), nullable=True),
)


def rows(count: int, n: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "id": str(i),
            "n": n,
            "score": i / 3 if i % 2 else None,
            "text": f"é😀 {i}",
            "doc": {"i": [i]} if i % 3 else None,
        }
        for i in range(count)
    ]


def shown(conn: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in conn.execute(select(T).order_by(T.c.n, T.c.id))]


@pytest.fixture(autouse=True)
async def _table(database: SqlDatabase) -> None:
    await database.write(create_table, T)


@pytest.mark.parametrize("count", [1, 2, MANY_ROWS])
async def test_rows_are_put_and_put_again(database: SqlDatabase, count: int) -> None:
    put = upsert(T, ["id"])
    await database.write(execute_many, put, rows(count))
    await database.write(execute_many, put, rows(count, n=2))
    assert await database.read(shown) == sorted(rows(count, n=2), key=lambda r: r["id"])


async def test_the_last_of_two_with_one_key_stands(database: SqlDatabase) -> None:
    await database.write(execute_many, upsert(T, ["id"]), [*rows(MANY_ROWS), *rows(MANY_ROWS, n=7)])
    assert {row["n"] for row in await database.read(shown)} == {7}


@pytest.mark.parametrize("count", [1, 2, MANY_ROWS])
async def test_what_is_added_is_the_sum_over_statements_and_within_one(database: SqlDatabase, count: int) -> None:
    more = add(T, ["id"], ["n"])
    await database.write(execute_many, more, [*rows(count), *rows(count, n=2)])
    await database.write(execute_many, more, rows(count, n=4))
    assert {(row["n"], row["text"]) for row in await database.read(shown)} == {(7, f"é😀 {i}") for i in range(count)}


async def test_many_changes_and_removals_meet_their_rows(database: SqlDatabase) -> None:
    await database.write(execute_many, upsert(T, ["id"]), rows(MANY_ROWS))
    changes = [{"k_id": str(i), "n": i, "doc": {"new": i}} for i in range(MANY_ROWS)]
    await database.write(execute_many, change(T, ["id"], ["n", "doc"]), changes)
    await database.write(execute_many, remove(T, ["id"]), [{"k_id": str(i)} for i in range(2, MANY_ROWS)])
    assert [(r["n"], r["doc"]) for r in await database.read(shown)] == [(0, {"new": 0}), (1, {"new": 1})]


async def test_a_row_that_the_database_refuses_raises_as_ever(database: SqlDatabase) -> None:
    with pytest.raises(IntegrityError):
        await database.write(execute_many, insert(T), [*rows(MANY_ROWS), *rows(1)])
    assert await database.read(shown) == []
