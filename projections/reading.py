"""What projectors share: times as microseconds, and sealed content that may have been erased."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from events.event import Erased

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


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
