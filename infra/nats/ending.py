"""Ending a task that talks to the server."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.2


async def ended(task: asyncio.Task[Any]) -> None:
    """Returns when the task is over, however it ended.

    One cancellation is not enough: nats-py may turn it into an error of its own, and in Python 3.11 `asyncio.wait_for`
    drops it when what it waits for fails at that moment; then the task goes on.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()  # looked at: nobody is told that it was not
