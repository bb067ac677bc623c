"""What read models share: times as microseconds, sealed content that may have been erased, and the pages of lists."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Table, UnaryExpression, and_, func, or_, select

from events.event import Erased

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def text_of(value: str | Erased) -> str:
    """The text, empty when its space's key has been destroyed."""
    return "" if isinstance(value, Erased) else value


def json_of(value: Any) -> str:
    """The value as JSON text with sorted keys, an empty object when it has been erased."""
    return "{}" if isinstance(value, Erased) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def stable_id(*parts: str) -> str:
    """An id that follows from what it names: 63 bits of sha-256."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return str(int.from_bytes(digest[:8], "big") >> 1)


def number_of(conn: Connection, table: Table, where: Sequence[ColumnElement[bool]]) -> int:
    """How many rows of the table are wanted."""
    number: int = conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    return number


def directed(ascending: bool, *columns: ColumnElement[Any]) -> list[UnaryExpression[Any]]:
    """The columns in one direction; rows that are equal in the first are ordered by the next."""
    return [column.asc() if ascending else column.desc() for column in columns]


def behind(
    place: tuple[int, str], ascending: bool, by: ColumnElement[Any], key: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Whether a row comes after the one with these values, in the order of ``directed(ascending, by, key)``."""
    at, last = place
    if ascending:
        return or_(by > at, and_(by == at, key > last))
    return or_(by < at, and_(by == at, key < last))
