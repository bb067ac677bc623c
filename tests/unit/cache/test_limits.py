"""Calls of a key are allowed up to the burst, then at the rate."""

from __future__ import annotations

from infra.cache.limits import SWEEP, ProcessLimits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def allowed(limits: ProcessLimits, n: int, key: str = "k", rate: float = 2, burst: int = 3) -> list[bool]:
    return [await limits.allow(key, rate, burst) for _ in range(n)]


async def test_a_burst_is_allowed_and_no_more() -> None:
    assert await allowed(ProcessLimits(Clock()), 5) == [True, True, True, False, False]


async def test_then_one_is_allowed_as_often_as_the_rate_says() -> None:
    clock = Clock()
    limits = ProcessLimits(clock)
    await allowed(limits, 5)
    clock.now += 0.5
    assert await allowed(limits, 2) == [True, False]
    clock.now += 0.25
    assert await allowed(limits, 1) == [False]
    clock.now += 0.25
    assert await allowed(limits, 1) == [True]


async def test_a_rest_restores_the_burst_and_not_more() -> None:
    clock = Clock()
    limits = ProcessLimits(clock)
    await allowed(limits, 5)
    clock.now += 1000
    assert await allowed(limits, 5) == [True, True, True, False, False]


async def test_keys_do_not_know_each_other() -> None:
    limits = ProcessLimits(Clock())
    await allowed(limits, 5, "a")
    assert await allowed(limits, 1, "b") == [True]


async def test_no_rate_means_no_limit() -> None:
    assert all(await allowed(ProcessLimits(Clock()), 100, rate=0))


async def test_keys_that_are_as_good_as_new_are_forgotten() -> None:
    clock = Clock()
    limits = ProcessLimits(clock)
    for i in range(SWEEP + 10):
        await limits.allow(str(i), 2, 3)
        clock.now += 1
    assert len(limits._arrivals) < SWEEP
