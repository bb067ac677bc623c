"""What every database behind the port promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Index, Integer, MetaData, Table, func, inspect, select
from sqlalchemy.exc import IntegrityError

from infra.sql import open_database
from infra.sql.database import SqlDatabase
from infra.sql.dialect import (
    JOINED_BYTES,
    Id,
    JsonText,
    LongText,
    Micros,
    change,
    create_anew,
    create_table,
    drop_tables,
    insert,
    joined,
    key,
    remove,
    upsert,
)

TEXTS = ("Abc", "abc", "ABC", "abc ", " abc", "ábc", "a\u0301bc", "😀", "😁", "", "a\tb", "ａｂｃ", "ß", "ss")


def things(name: str = "things") -> Table:
    return Table(
        name,
        MetaData(),
        Column("id", Id, primary_key=True),
        Column("name", key(128), nullable=False),
        Column("at", Micros, nullable=False),
        Column("text", LongText, nullable=True),
        Column("doc", JsonText(), nullable=True),
        Index(f"{name}_by_name", "name"),
    )


T = things()
PUT = upsert(T, ["id"])


def row(id: str, name: str = "", at: int = 0, text: str | None = None, doc: Any = None) -> dict[str, Any]:
    return {"id": id, "name": name, "at": at, "text": text, "doc": doc}


def put(conn: Connection, *rows: dict[str, Any]) -> None:
    conn.execute(PUT, list(rows))


def ids(conn: Connection, *where: Any) -> list[str]:
    return list(conn.execute(select(T.c.id).where(*where).order_by(T.c.id)).scalars())


def end_other_connections(conn: Connection, database: str) -> None:
    if conn.dialect.name == "postgresql":
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        conn.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others}").all()
        return
    others = f"FROM information_schema.processlist WHERE db = '{database}' AND id <> connection_id()"
    for (id,) in conn.exec_driver_sql(f"SELECT id {others}").all():
        conn.exec_driver_sql(f"KILL {int(id)}")


@pytest.fixture(autouse=True)
async def table(database: SqlDatabase) -> None:
    await database.write(create_table, T)


async def test_text_is_equal_to_itself_alone(database: SqlDatabase) -> None:
    await database.write(put, *(row(str(n), text) for n, text in enumerate(TEXTS)))
    for n, text in enumerate(TEXTS):
        assert await database.read(ids, T.c.name == text) == [str(n)]


async def test_text_that_differs_in_case_accent_or_trailing_space_makes_different_keys(database: SqlDatabase) -> None:
    names = Table("names", MetaData(), Column("name", key(), primary_key=True), Column("n", Integer))
    await database.write(create_table, names)
    await database.write(lambda c: c.execute(insert(names), [{"name": t, "n": 1} for t in TEXTS]) and None)
    assert await database.read(lambda c: c.scalar(select(func.count()).select_from(names))) == len(TEXTS)


async def test_text_sorts_by_byte(database: SqlDatabase) -> None:
    await database.write(put, *(row(str(n), text) for n, text in enumerate(TEXTS)))
    found = await database.read(lambda c: list(c.execute(select(T.c.name).order_by(T.c.name)).scalars()))
    assert found == sorted(TEXTS, key=str.encode)


async def test_the_longest_key_can_be_stored_and_found(database: SqlDatabase) -> None:
    names = Table("names", MetaData(), Column("name", key(), primary_key=True))
    longest = "😀" * 768
    await database.write(create_table, names)
    await database.write(lambda c: c.execute(insert(names), {"name": longest}) and None)
    assert await database.read(lambda c: c.scalar(select(names.c.name).where(names.c.name == longest))) == longest


async def test_a_longer_key_is_not_declared() -> None:
    with pytest.raises(ValueError, match="768"):
        key(769)


async def test_a_megabyte_of_text_and_json_comes_back_as_it_was(database: SqlDatabase) -> None:
    text, doc = (
        "ü😀\n'\"\\%s:x" * 100_000,
        {"a": ["\x00", 2**63 - 1, -1.5, None, True, "😀" * 10], "long": "x" * 1_000_000},
    )
    await database.write(put, row("1", text=text, doc=doc))
    assert await database.read(lambda c: tuple(c.execute(select(T.c.text, T.c.doc)).one())) == (text, doc)


async def test_64_bit_numbers_come_back_as_they_were_and_sum_up(database: SqlDatabase) -> None:
    await database.write(put, row("1", at=2**63 - 1), row("2", at=-(2**63)))
    assert await database.read(lambda c: list(c.execute(select(T.c.at).order_by(T.c.id)).scalars())) == [
        2**63 - 1,
        -(2**63),
    ]
    await database.write(put, row("1", at=2), row("2", at=3))
    assert int(await database.read(lambda c: c.execute(select(func.sum(T.c.at))).scalar_one())) == 5


async def test_an_upsert_inserts_what_is_new_and_changes_what_is_there(database: SqlDatabase) -> None:
    await database.write(put, row("1", "a", 1), row("2", "b", 1))
    await database.write(put, row("2", "B", 2), row("3", "c", 2), row("3", "C", 3))
    found = await database.read(
        lambda c: [tuple(r) for r in c.execute(select(T.c.id, T.c.name, T.c.at).order_by(T.c.id))]
    )
    assert found == [("1", "a", 1), ("2", "B", 2), ("3", "C", 3)]


async def test_an_upsert_changes_the_named_columns_alone_or_nothing(database: SqlDatabase) -> None:
    name_only, nothing = upsert(T, ["id"], ["name"]), upsert(T, ["id"], ())
    await database.write(put, row("1", "a", 1), row("2", "a", 1))
    await database.write(lambda c: c.execute(name_only, row("1", "b", 2)) and None)
    await database.write(lambda c: c.execute(nothing, row("2", "b", 2)) and None)
    found = await database.read(lambda c: [tuple(r) for r in c.execute(select(T.c.name, T.c.at).order_by(T.c.id))])
    assert found == [("b", 1), ("a", 1)]


async def test_many_rows_are_changed_and_removed_by_key(database: SqlDatabase) -> None:
    await database.write(put, *(row(str(n)) for n in range(5)))
    await database.write(
        lambda c: (
            c.execute(change(T, ["id"], ["name", "at"]), [{"k_id": str(n), "name": "x", "at": n} for n in (1, 2)])
            and None
        )
    )
    await database.write(lambda c: c.execute(remove(T, ["id"]), [{"k_id": "0"}, {"k_id": "9"}]) and None)
    assert await database.read(ids, T.c.name == "x") == ["1", "2"]
    assert await database.read(ids) == ["1", "2", "3", "4"]


async def test_an_update_that_meets_its_row_counts_one_even_when_nothing_changes(database: SqlDatabase) -> None:
    statement = change(T, ["id"], ["name"])
    await database.write(put, row("1", "a"))

    def hits(conn: Connection, id: str) -> int:
        return conn.execute(statement, {"k_id": id, "name": "a"}).rowcount

    assert await database.write(hits, "1") == 1
    assert await database.write(hits, "2") == 0


async def test_what_raises_leaves_nothing(database: SqlDatabase) -> None:
    def half(conn: Connection) -> None:
        put(conn, row("1"))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        await database.write(half)
    with pytest.raises(IntegrityError):
        await database.write(lambda c: c.execute(insert(T), [row("2"), row("2")]) and None)
    assert await database.read(ids) == []


async def test_a_savepoint_undoes_its_part_alone(database: SqlDatabase) -> None:
    def work(conn: Connection) -> None:
        put(conn, row("1"))
        savepoint = conn.begin_nested()
        try:
            conn.execute(insert(T), row("1"))
        except IntegrityError:
            savepoint.rollback()
        put(conn, row("2"))

    await database.write(work)
    assert await database.read(ids) == ["1", "2"]


async def test_concurrent_writers_lose_no_update(database: SqlDatabase, address: str) -> None:
    other = open_database(address)
    await database.write(put, row("1", at=0))
    statement = T.update().where(T.c.id == "1").values(at=T.c.at + 1)

    def increase(conn: Connection) -> None:
        conn.execute(statement)

    try:
        await asyncio.gather(*(db.write(increase) for db in (database, other) for _ in range(25)))
    finally:
        await other.close()
    assert await database.read(lambda c: c.scalar(select(T.c.at))) == 50


async def test_writers_that_lock_each_other_out_both_succeed(database: SqlDatabase, address: str) -> None:
    other = open_database(address)
    await database.write(put, *(row(str(n)) for n in range(50)))
    statement = change(T, ["id"], ["at"])

    def forth(conn: Connection, keys: list[int], at: int) -> None:
        for n in keys:
            conn.execute(statement, {"k_id": str(n), "at": at})

    rounds = 3
    try:
        for n in range(rounds):
            up, down = list(range(50)), list(reversed(range(50)))
            await asyncio.gather(database.write(forth, up, 2 * n), other.write(forth, down, 2 * n + 1))
    finally:
        await other.close()
    [ats] = {tuple(await database.read(lambda c: list(c.execute(select(T.c.at).distinct()).scalars())))}
    assert len(ats) == 1 and ats[0] in (2 * rounds - 2, 2 * rounds - 1)


async def test_a_read_sees_one_moment_however_many_statements_it_makes(database: SqlDatabase) -> None:
    """Both counts come from one snapshot although a writer commits between them (or waits for the reader)."""
    await database.write(put, row("0"))
    loop = asyncio.get_running_loop()
    writes: list[asyncio.Task[None]] = []

    def count_twice(conn: Connection) -> tuple[int, int]:
        statement = select(func.count()).select_from(T)
        first = conn.execute(statement).scalar_one()
        loop.call_soon_threadsafe(lambda: writes.append(loop.create_task(database.write(put, row("1")))))
        for _ in range(50):
            conn.execute(select(T.c.id)).all()
        return first, conn.execute(statement).scalar_one()

    assert await database.read(count_twice) == (1, 1)
    await asyncio.gather(*writes)


async def test_readers_run_beside_a_writer(database: SqlDatabase) -> None:
    await database.write(put, row("1"))
    results = await asyncio.gather(
        *(database.write(put, row(str(n), "x" * 100)) for n in range(2, 30)), *(database.read(ids) for _ in range(30))
    )
    assert all("1" in found for found in results[28:])
    assert len(await database.read(ids)) == 29


async def test_what_was_written_is_there_after_closing_and_opening(database: SqlDatabase, address: str) -> None:
    await database.write(put, row("1", "a"))
    await database.close()
    again = open_database(address)
    try:
        assert await again.read(ids) == ["1"]
    finally:
        await again.close()


async def test_creating_a_table_that_is_there_and_dropping_one_that_is_not_are_harmless(database: SqlDatabase) -> None:
    await database.write(create_table, T)
    await database.write(drop_tables, ["nowhere"])
    tables = await database.read(lambda c: inspect(c).get_table_names())
    assert tables.count(T.name) == 1
    assert "nowhere" not in tables


async def test_a_table_that_is_made_anew_is_empty_and_has_its_indexes(database: SqlDatabase) -> None:
    await database.write(create_table, T)
    await database.write(lambda c: c.execute(upsert(T, ["id"]), row("7")) and None)
    other = things("things_1")
    await database.write(create_anew, [T, other])
    assert await database.read(lambda c: [c.scalar(select(func.count()).select_from(t)) for t in (T, other)]) == [0, 0]
    made = await database.read(lambda c: [len(inspect(c).get_indexes(t.name)) for t in (T, other)])
    assert made == [len(T.indexes), len(other.indexes)]


async def test_a_query_that_a_switch_overtakes_sees_the_new_table(database: SqlDatabase) -> None:
    old, new = things("things_1"), things("things_2")
    for table in (old, new):
        await database.write(create_table, table)
    await database.write(lambda c: c.execute(upsert(new, ["id"]), row("7")) and None)
    database.switch({"things": old})
    await database.write(drop_tables, ["things_1"])
    asked = 0

    def query(conn: Connection) -> list[str]:
        nonlocal asked
        asked += 1
        t = conn.get_execution_options()["live_tables"]["things"]
        if asked == 1:
            database.switch({"things": new})
        return list(conn.execute(select(t.c.id)).scalars())

    assert await database.read(query) == ["7"]
    assert asked == 2


async def test_connections_that_the_server_closed_do_not_fail_a_query(database: SqlDatabase, address: str) -> None:
    await database.write(put, row("1"))
    await database.read(ids)
    if not address.startswith("sqlite"):
        killer = open_database(address)
        await killer.read(end_other_connections, address.rpartition("/")[2])
        await killer.close()
    assert await database.read(ids) == ["1"]


async def test_an_address_of_another_kind_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="oracle"):
        open_database("oracle://localhost")


async def test_joined_texts_are_whole_up_to_their_limit(database):
    texts = [f"{n:06}{'x' * 1000}" for n in range(1000)]

    def ask(conn: Connection) -> str:
        create_table(conn, T)
        conn.execute(PUT, [row(str(n), text=text) for n, text in enumerate(texts)])
        found: str = conn.execute(select(joined(T.c.text, "\n"))).scalar_one()
        return found

    found = await database.write(ask)
    assert sorted(found.split("\n")) == texts and len(found) > JOINED_BYTES * 0.9
