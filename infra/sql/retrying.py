"""Which database errors mean: the same again may work. One place that knows the drivers' codes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

ATTEMPTS = 10
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.5

_MYSQL = frozenset((1205, 1213))  # lock wait timeout, deadlock
_POSTGRESQL = frozenset(("40001", "40P01", "55P03"))  # serialization failure, deadlock, lock not available
_SQLITE = frozenset(("database is locked", "database table is locked"))  # another process writes


def lost_to_another(error: DBAPIError) -> bool:
    """Whether the transaction was ended in favour of another one and has left nothing."""
    origin = error.orig
    if origin is None:
        return False
    if getattr(origin, "sqlstate", None) in _POSTGRESQL:
        return True
    first = origin.args[0] if origin.args else None
    return first in _MYSQL or first in _SQLITE


async def retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """Runs a transaction until it is not the one that others' locks end; gives up after `ATTEMPTS`."""
    pause = FIRST_PAUSE
    for left in reversed(range(ATTEMPTS)):
        try:
            return await attempt()
        except DBAPIError as error:
            if not left or not lost_to_another(error):
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(2 * pause, LONGEST_PAUSE)
    raise AssertionError("unreachable")
