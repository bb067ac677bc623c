"""What every part of a process shares: settings, what goes on in the background, what to give back at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cozeloop.erasing import Remove
from cozeloop.examining import Check
from cozeloop.platform import Platform
from cozeloop.settings import Settings

log = logging.getLogger("cozeloop.bootstrap")

STARTING = "the start"
ENDING = "the end"
END_SECONDS = 2.0
"""How long a task or a connection may take to end; what was opened first has a bound of its own."""

Close = Callable[[], Coroutine[Any, Any, Any]]


class Process:
    """A platform being opened, running, and closed again. ``waiting`` says what it waits for; empty = ready."""

    def __init__(self, settings: Settings, on_end: Callable[[str], None]) -> None:
        self.settings = settings
        self.data: Path = settings.data_dir
        self.on_end = on_end
        self.waiting = STARTING
        self.platform: Platform
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: list[Close] = []
        self._trouble: list[Callable[[], str]] = []
        self.checks: dict[str, Check] = {}
        self.removes: dict[str, Remove] = {}

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Goes on in the background until the process ends."""
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def on_close(self, close: Close) -> None:
        """Closed at the end, before what was opened earlier."""
        self._closing.append(close)

    def watch(self, said: Callable[[], str]) -> None:
        """``said`` gives a sentence when something is wrong although requests are served."""
        self._trouble.append(said)

    def on_erase(self, what: str, remove: Remove) -> None:
        """``remove`` is called with each space that is erased: what a part keeps of it goes then."""
        self.removes[what] = remove

    def on_doctor(self, what: str, check: Check) -> None:
        """``check`` is made by `cozeloop doctor`: a part says how what it depends on is."""
        self.checks[what] = check

    def trouble(self) -> str:
        """The first sentence about what is wrong, empty when nothing is."""
        return next(filter(None, (said() for said in self._trouble)), "")

    def opened(self) -> None:
        """Requests may come."""
        self.waiting = ""
        self._ready.set()

    async def wait_ready(self, seconds: float) -> bool:
        """Whether requests may come, waiting so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return not self.waiting

    async def stop(self) -> None:
        """Ends tasks, then closes in the reverse order of opening."""
        self.waiting = ENDING
        self._ready.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_SECONDS)
        for close in reversed(self._closing):
            try:
                async with asyncio.timeout(None if close == self._closing[0] else END_SECONDS):
                    await close()
            except Exception:
                log.exception("something did not close as it should")
        self._closing.clear()
