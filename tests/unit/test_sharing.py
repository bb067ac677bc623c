"""Long work on the event loop, and what others get of it."""

from __future__ import annotations

import asyncio

from infra.sharing import Sharing


async def others_ran(step_seconds: float, steps: int) -> int:
    """How often others ran while work of so many steps, each so long, went on with a share of three seconds."""
    clock, runs = 0.0, 0

    async def other() -> None:
        nonlocal runs
        while True:
            await asyncio.sleep(0)
            runs += 1

    sharing = Sharing(lambda: clock, seconds=3.0)
    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    for _ in range(steps):
        await sharing.turn()
        clock += step_seconds
    task.cancel()
    return runs


async def test_others_run_after_each_step_that_takes_the_share_or_longer():
    assert await others_ran(3.0, steps=5) == 4


async def test_short_steps_are_done_in_one_go_until_the_share_is_used_up():
    assert await others_ran(1.0, steps=3) == 0
    assert await others_ran(1.0, steps=7) == 2
