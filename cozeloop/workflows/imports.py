"""Follows the log for imports that were asked for, and has each performed until it is over.

It keeps no state: what is to be done are the imports that the read model shows as unfinished, asked once the log's end
is reached, and whatever is asked for from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from events.event import Recorded
from events.imports import ImportRequested

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Imports of this process that are performed at the same time; the others wait, the oldest first."""
RETRY_SECONDS = 1.0

Perform = Callable[[str], Awaitable[None]]
Unfinished = Callable[[], Awaitable[Sequence[str]]]


class ImportRuns:
    """Fed with every event of the log behind ``position``, in order."""

    def __init__(self, position: int, perform: Perform, unfinished: Unfinished) -> None:
        self.position = position
        self._perform = perform
        self._unfinished = unfinished
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._taken: set[str] = set()
        self._live = False

    async def open(self) -> int:
        """It stands where it stood: nothing is kept."""
        return self.position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Queues what is asked for."""
        for recorded in batch:
            if recorded.position > self.position and self._live and isinstance(recorded.event, ImportRequested):
                self._queue(recorded.event.job_id)
        self.position = max(self.position, batch[-1].position)

    async def live(self) -> None:
        """The log's end is reached: whatever a crash interrupted goes on."""
        self._live = True
        for job_id in await self._unfinished():
            self._queue(job_id)

    async def perform(self) -> None:
        """Has imports performed, `AT_ONCE`, for as long as it runs; one that fails is tried again a second later."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_after_another())

    def _queue(self, job_id: str) -> None:
        if job_id not in self._taken:
            self._taken.add(job_id)
            self._waiting.put_nowait(job_id)

    async def _one_after_another(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            job_id = await self._waiting.get()
            try:
                await self._perform(job_id)
            except Exception:
                log.warning("import %s broke off, going on in a second", job_id, exc_info=True)
                loop.call_later(RETRY_SECONDS, self._waiting.put_nowait, job_id)
            else:
                self._taken.discard(job_id)
