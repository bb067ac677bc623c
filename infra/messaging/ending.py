"""Ending a task that talks to the server."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.2


async def ended(task: asyncio.Task[Any]) -> None:
    """Returns when the task is over: nats-py may turn a cancellation into an error of its own, and the task goes on."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_SECONDS)
