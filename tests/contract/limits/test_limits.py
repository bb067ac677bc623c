"""Every adapter of the rate limits, one suite. Rates are of one call in many minutes: no test depends on its speed."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from cozeloop.platform import RateLimits
from infra.cache.limits import ProcessLimits
from infra.cache.redis_limits import RedisLimits
from tests.redis_server import address, fresh_prefix

SLOW = 0.001
"""One call in a thousand seconds."""


@pytest.fixture(params=["process", "redis"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[RateLimits]:
    if request.param == "process":
        yield ProcessLimits()
        return
    async with fresh_prefix() as prefix:
        opened = RedisLimits(address(), prefix)
        yield opened
        await opened.aclose()


async def test_a_burst_is_allowed_and_no_more(limits: RateLimits) -> None:
    assert [await limits.allow("k", SLOW, 3) for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize("burst", [1, 3, 6, 7, 11, 49])
async def test_a_burst_is_whole_whatever_the_fractions_of_its_rate(limits: RateLimits, burst: int) -> None:
    rate = burst / 60_000
    assert [await limits.allow("k", rate, burst) for _ in range(burst + 1)] == [True] * burst + [False]


async def test_of_many_at_once_exactly_the_burst_is_allowed(limits: RateLimits) -> None:
    answers = await asyncio.gather(*(limits.allow("k", SLOW, 10) for _ in range(50)))
    assert sum(answers) == 10


async def test_keys_do_not_know_each_other(limits: RateLimits) -> None:
    assert await limits.allow("a", SLOW, 1)
    assert not await limits.allow("a", SLOW, 1)
    assert await limits.allow("b", SLOW, 1)


@pytest.mark.parametrize("rate", [0, -1])
async def test_no_rate_means_no_limit(limits: RateLimits, rate: float) -> None:
    assert all([await limits.allow("k", rate, 1) for _ in range(20)])


async def test_a_high_rate_allows_call_after_call(limits: RateLimits) -> None:
    assert all([await limits.allow("k", 1e6, 1_000_000) for _ in range(100)])


async def test_who_has_patience_gets_a_turn_after_those_before_and_who_has_none_is_refused(limits: RateLimits) -> None:
    assert await limits.reserve("k", SLOW, 1) == 0
    waits = [await limits.reserve("k", SLOW, 1, patience=1e6) for _ in range(3)]
    assert [round(wait or 0, -3) for wait in waits] == [1000, 2000, 3000]
    assert await limits.reserve("k", SLOW, 1) is None
    assert await limits.reserve("k", SLOW, 1, patience=3000) is None
    again = await limits.reserve("k", SLOW, 1, patience=1e6)
    assert round(again or 0, -3) == 4000, "a refusal takes no turn"


async def test_a_call_may_cost_more_than_one_and_give_back_what_it_did_not_use(limits: RateLimits) -> None:
    assert await limits.reserve("k", SLOW, 10, cost=8) == 0
    assert await limits.reserve("k", SLOW, 10, cost=3) is None
    assert await limits.reserve("k", SLOW, 10, cost=2) == 0
    assert not await limits.allow("k", SLOW, 10)
    assert await limits.reserve("k", SLOW, 10, cost=-6, patience=1e6) is not None
    assert [await limits.allow("k", SLOW, 10) for _ in range(7)] == [True] * 6 + [False]


async def test_what_was_used_beyond_is_owed(limits: RateLimits) -> None:
    assert await limits.reserve("k", SLOW, 10, cost=25, patience=1e9) is not None
    wait = await limits.reserve("k", SLOW, 10, patience=1e9)
    assert round(wait or 0, -3) == 16_000


async def test_processes_that_name_one_redis_share_its_limits() -> None:
    async with fresh_prefix() as prefix:
        one, other = RedisLimits(address(), prefix), RedisLimits(address(), prefix)
        answers = await asyncio.gather(*(limits.allow("k", SLOW, 5) for limits in (one, other) * 10))
        assert sum(answers) == 5
        await one.aclose()
        await other.aclose()


async def test_without_redis_every_call_is_allowed_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    now = 0.0
    limits = RedisLimits(f"redis://someone:canary-password@127.0.0.1:{port}/0", clock=lambda: now)
    for _ in range(5):
        assert await limits.allow("k", SLOW, 1)
        now += 2
    await limits.aclose()
    said = [r.getMessage() for r in caplog.records if r.name == "cozeloop.limits"]
    assert said == ["rate limits are not enforced: Redis does not answer (ConnectionError)"]
    assert "canary-password" not in caplog.text + repr(limits)


async def test_when_redis_is_back_its_limits_hold_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    async with fresh_prefix() as prefix:
        limits = RedisLimits(address(), prefix, clock=lambda: now)
        script, limits._script = limits._script, _broken
        assert await limits.allow("k", SLOW, 1)
        limits._script = script
        assert await limits.allow("k", SLOW, 1), "it is left alone for a moment"
        now += 2
        assert [await limits.allow("k", SLOW, 1) for _ in range(2)] == [True, False]
        await limits.aclose()
    assert "rate limits are enforced again" in caplog.text


async def _broken(**_: object) -> object:
    raise TimeoutError
