"""Long work on the event loop that lets others go on in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SHARE_SECONDS = 0.003
"""How long others wait: little beside what an answer takes, much beside what a turn costs."""


class Sharing:
    """One piece of long work. It says between its steps when others may go on; the longest step is what they wait."""

    def __init__(self, now: Callable[[], float] = time.perf_counter, seconds: float = SHARE_SECONDS) -> None:
        self._now = now
        self._seconds = seconds
        self._since = now()

    async def turn(self) -> None:
        """Lets everything that is ready run once, if this work has held the loop for its share."""
        if self._now() - self._since >= self._seconds:
            await asyncio.sleep(0)
            self._since = self._now()
