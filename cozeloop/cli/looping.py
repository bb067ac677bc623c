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


def run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work to its end on uvloop: the half of what asyncio's own loop takes for a small request."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def settle() -> None:
    """What is alive now lives as long as the process: modules, schemas, routes. It is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
