"""The sweeper of deadlines. They are data of events; what they end is ended by a command, as anything else is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How late a deadline may be noticed."""


class Expiring(Protocol):
    """Whatever knows of deadlines."""

    async def expire(self, now_ms: int) -> int:
        """Ends what has outlived its deadline (milliseconds since 1970), and says how much it was."""
        ...


async def expire_for_ever(expiring: Expiring, now: Callable[[], datetime]) -> None:
    """Looks every second until it is cancelled. What fails is logged and tried again at the next look."""
    while True:
        try:
            if ended := await expiring.expire(int(now().timestamp() * 1000)):
                log.info("%d runs have outlived their deadline", ended)
        except Exception:
            log.warning("deadlines were not looked after; the next look is in a second", exc_info=True)
        await asyncio.sleep(LOOK_SECONDS)
