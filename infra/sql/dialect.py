"""What differs between SQLite, MariaDB/MySQL and PostgreSQL, behind one spelling. Read models use this and Core alone.

Text equality is exact and order is by byte on all three, whatever the server's default: `create_table` sees to it.
Statements are built once per table, never per event: SQLAlchemy runs neighbouring changes with the *same statement
object* as one executemany, which is 10 to 30 times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Double,
    Insert,
    MetaData,
    String,
    Table,
    Text,
    and_,
    bindparam,
    false,
    func,
    inspect,
)
from sqlalchemy import delete as core_delete
from sqlalchemy import insert as core_insert
from sqlalchemy import update as core_update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Delete, Update
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator

KEY_LIMIT = 768
"""Longest text that may be (part of) a key: InnoDB takes 3,072 bytes of utf8mb4."""

Id = String(20)
"""A decimal id."""

Micros = BigInteger()
"""A time in microseconds since 1970, UTC. Never a DateTime: MariaDB cuts it and SQLite forgets its zone."""

Real: Double[float] = Double()
"""A 64-bit float on all three; MySQL's FLOAT keeps 24 bits."""

SUMMED = "summed"
"""The option of a statement that adds: its keys, and the columns that are added up."""

LONGEST_SOUGHT = 4 * KEY_LIMIT
"""Longest text that is looked for within others; SQLite fails at patterns of 50,000 bytes."""

LongText = Text(16_777_215)
"""Text of any length; cannot be a key. The number makes MariaDB take LONGTEXT instead of its 64 KB TEXT."""


JOINED_BYTES = 1 << 20
"""Longest text that `joined` makes; MariaDB and MySQL cut longer ones, and far earlier unless a connection says so."""


def key(length: int = KEY_LIMIT) -> String:
    """Text that may be a key or be indexed."""
    if not 0 < length <= KEY_LIMIT:
        raise ValueError(f"a key has 1 to {KEY_LIMIT} characters, not {length}")
    return String(length)


class JsonText(TypeDecorator[Any]):
    """A JSON value in a long text: any content that JSON takes, the same on all three. Not for filtering by path."""

    impl = Text(16_777_215)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """A long text; PostgreSQL's has no length to name."""
        return dialect.type_descriptor(Text() if dialect.name == "postgresql" else Text(16_777_215))

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The value as JSON; None is NULL."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value again; numbers up to 64 bits keep their value."""
        return None if value is None else orjson.loads(value)


def contains(column: Column[str], text: str) -> ColumnElement[bool]:
    """Whether the column holds the text. No name is as long as `LONGEST_SOUGHT`: what is longer is found nowhere."""
    return column.contains(text, autoescape=True) if len(text) <= LONGEST_SOUGHT else false()


def joined(text: ColumnElement[str], separator: str) -> ColumnElement[str]:
    """The texts of every row as one, in no order that could be relied on; at most `JOINED_BYTES`. NULL without rows."""
    return func.aggregate_strings(text, separator)


def upsert(table: Table, keys: Sequence[str], columns: Sequence[str] | None = None) -> Insert:
    """Inserts a row of all the table's columns; where one with these ``keys`` is there, sets ``columns`` instead.

    ``keys`` are the columns of the primary key (or of the one unique constraint). ``columns`` defaults to all
    others; ``()`` leaves the row as it is. Parameters: every column by its name. Never look at its rowcount.
    """
    names = [c.name for c in table.columns]
    changed = [n for n in names if n not in keys] if columns is None else list(columns)
    statement = core_insert(table).values({n: bindparam(n, type_=table.c[n].type) for n in names})
    statement._post_values_clause = _OnClash(tuple(keys), tuple(changed))
    return statement


def add(table: Table, keys: Sequence[str], columns: Sequence[str]) -> Insert:
    """Inserts a row; where one with these ``keys`` is there, adds the numbers of ``columns`` to it.

    Parameters: every column by its name. Neighbours with equal ``keys`` are executed as their sum.
    """
    statement = upsert(table, keys, ())
    statement._post_values_clause = _OnClash(tuple(keys), (), tuple(columns), table.name)
    summed: Insert = statement.execution_options(**{SUMMED: (tuple(keys), tuple(columns))})
    return summed


def insert(table: Table) -> Insert:
    """Inserts a row. Parameters: every column by its name."""
    return core_insert(table).values({c.name: bindparam(c.name, type_=c.type) for c in table.columns})


def change(table: Table, keys: Sequence[str], columns: Sequence[str]) -> Update:
    """Sets ``columns`` where ``keys`` match. Parameters: ``k_<key>`` for each key, each column by its name."""
    values = {n: bindparam(n, type_=table.c[n].type) for n in columns}
    return core_update(table).where(matching(table, *keys)).values(values)


def remove(table: Table, keys: Sequence[str]) -> Delete:
    """Deletes where ``keys`` match. Parameters: ``k_<key>`` for each key."""
    return core_delete(table).where(matching(table, *keys))


def matching(table: Table, *keys: str) -> ColumnElement[bool]:
    """``key = :k_key and …``: Core refuses a parameter of an update that is called like a column."""
    return and_(*(table.c[n] == bindparam(f"k_{n}", type_=table.c[n].type) for n in keys))


def create_table(conn: Connection, table: Table) -> None:
    """Creates the table with its indexes unless it exists; text in it compares exactly and sorts by byte."""
    _spelt(conn.dialect, table).create(conn, checkfirst=True)


def create_anew(conn: Connection, tables: Sequence[Table]) -> None:
    """Creates these tables as `create_table` does, empty: one of the same name is dropped."""
    drop_tables(conn, [table.name for table in tables])
    for table in tables:
        _spelt(conn.dialect, table).create(conn, checkfirst=False)


def drop_tables(conn: Connection, names: Sequence[str]) -> None:
    """Drops those of these tables that there are."""
    there = set(inspect(conn).get_table_names())
    for name in names:
        if name in there:
            Table(name, MetaData()).drop(conn, checkfirst=False)


def _spelt(dialect: Dialect, table: Table) -> Table:
    """The table as this database wants it; the value itself stays as it is, for other databases."""
    if dialect.name == "sqlite":
        return table
    made = table.to_metadata(MetaData())
    if dialect.name in ("mysql", "mariadb"):
        mariadb = bool(getattr(dialect, "is_mariadb", False))
        made.kwargs[f"{dialect.name}_engine"] = "InnoDB"
        made.kwargs[f"{dialect.name}_charset"] = "utf8mb4"
        made.kwargs[f"{dialect.name}_collate"] = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
    elif dialect.name == "postgresql":
        for column in made.columns:
            if isinstance(column.type, String) and column.type.collation is None:
                exact = copy(column.type)
                exact.collation = "C"
                if isinstance(exact, Text):
                    exact.length = None  # PostgreSQL's has no limit and takes no number
                column.type = exact
    return made


_PARTS = [
    ("keys", InternalTraversal.dp_string_list),
    ("columns", InternalTraversal.dp_string_list),
    ("added", InternalTraversal.dp_string_list),
    ("table", InternalTraversal.dp_string),
]


class _OnClash(ClauseElement):
    """The end of an upsert, spelt for the dialect when it is compiled."""

    _traverse_internals = _PARTS

    def __init__(
        self, keys: tuple[str, ...], columns: tuple[str, ...], added: tuple[str, ...] = (), table: str = ""
    ) -> None:
        self.keys = keys
        self.columns = columns
        self.added = added
        self.table = table


@compiles(_OnClash, "sqlite")
@compiles(_OnClash, "postgresql")
def _on_conflict(clause: _OnClash, compiler: Any, **_: Any) -> str:
    quote = compiler.preparer.quote
    keys = ", ".join(quote(n) for n in clause.keys)
    if not clause.columns and not clause.added:
        return f"ON CONFLICT ({keys}) DO NOTHING"
    sets = [f"{quote(n)} = excluded.{quote(n)}" for n in clause.columns]
    sets += [f"{quote(n)} = {quote(clause.table)}.{quote(n)} + excluded.{quote(n)}" for n in clause.added]
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(sets)}"


@compiles(_OnClash, "mysql")
@compiles(_OnClash, "mariadb")
def _on_duplicate(clause: _OnClash, compiler: Any, **_: Any) -> str:
    # VALUES(x), not MySQL 8's row alias: MariaDB lacks the alias, and the driver joins rows only for this form.
    quote = compiler.preparer.quote
    if not clause.columns and not clause.added:
        first = quote(clause.keys[0])
        return f"ON DUPLICATE KEY UPDATE {first} = {first}"
    sets = [f"{quote(n)} = VALUES({quote(n)})" for n in clause.columns]
    sets += [f"{quote(n)} = {quote(n)} + VALUES({quote(n)})" for n in clause.added]
    return f"ON DUPLICATE KEY UPDATE {', '.join(sets)}"
