"""How a command ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from cozeloop.cli.looping import run_on_loop


async def deaf() -> None:
    """Loses its first cancellation, as a client does that is just being refused."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(3600)
    await asyncio.sleep(3600)


async def leaves_something_running(fails: bool) -> tuple[str, asyncio.Task[None]]:
    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    if fails:
        raise ValueError("no")
    return "done", task


def test_a_command_ends_although_a_task_that_is_left_loses_its_cancellation() -> None:
    said, task = run_on_loop(leaves_something_running(fails=False))
    assert (said, task.cancelled()) == ("done", True)


def test_a_command_that_failed_ends_too_and_says_why() -> None:
    with pytest.raises(ValueError, match="no"):
        run_on_loop(leaves_something_running(fails=True))
