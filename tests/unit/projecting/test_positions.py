"""Waiting for a read model."""

from __future__ import annotations

import asyncio

from cozeloop.projecting import ModelPositions


async def test_who_waits_is_woken_when_the_model_stands_there() -> None:
    positions = ModelPositions()
    waiting = asyncio.create_task(positions.reached("a", 5, 10))
    await asyncio.sleep(0)
    positions.post(["b"], 9)
    positions.post(["a"], 4)
    await asyncio.sleep(0)
    assert not waiting.done()
    positions.post(["a"], 6)
    assert await waiting
    assert await positions.reached("a", 6, 0)


async def test_a_wait_that_runs_out_says_so_and_leaves_nothing_behind() -> None:
    positions = ModelPositions()
    assert not await positions.reached("a", 1, 0.001)
    assert not await positions.reached("a", 1, 0)
    assert not any(positions._waiting.values())


def test_a_model_that_moved_without_a_change_says_when_it_last_changed() -> None:
    positions = ModelPositions()
    assert positions.changed("a") == 0
    positions.post(["a", "b"], 4)
    positions.post(["a", "b"], 7, unchanged={"a"})
    assert (positions.of("a"), positions.changed("a")) == (7, 4)
    assert (positions.of("b"), positions.changed("b")) == (7, 7)


async def test_whoever_moves_a_model_rests_until_somebody_waits_for_it():
    positions = ModelPositions()
    positions.post(["spans"], 4)
    resting = asyncio.create_task(positions.wanted("spans", 60))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(positions.reached("spans", 5, 60))
    assert await resting
    assert await positions.wanted("spans", 60)
    positions.post(["spans"], 5)
    assert await waiting
    assert not await positions.wanted("spans", 0)
