"""Values on their way between the contract and what is kept."""

from __future__ import annotations

from typing import Any

import orjson


def milliseconds(micros: int) -> str:
    """A time as the contract writes it."""
    return str(micros // 1000)


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no white space. Digests are taken of it."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
