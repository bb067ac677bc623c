"""The event loop of every command, and the garbage collector's share of its time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

THRESHOLDS = (10_000, 20, 100)
"""Allocations before young objects are looked through, and how often the older ones are. A batch of the feed makes
ten thousand objects that nearly all go at once: looking through them after every 700 took a tenth of a replay."""

PATIENCE_SECONDS = 0.5
"""How long a task that was cancelled may take before it is cancelled again."""


def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work to its end on uvloop: the half of what asyncio's own loop takes for a small request."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(work)
        finally:
            _end_what_is_left(runner.get_loop())


def _end_what_is_left(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels until nothing runs. Once is not enough: a client that connects anew may lose its cancellation.

    In Python 3.11 `asyncio.wait_for` drops it when what it waits for fails at that moment: a connection is refused.
    """
    while left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE_SECONDS))


def settle() -> None:
    """What is alive now lives as long as the process: modules, schemas, routes. It is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
