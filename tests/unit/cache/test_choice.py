"""A URL in the settings picks the adapter of the rate limits."""

from __future__ import annotations

import pytest

from cozeloop.bootstrap.limits import CacheUrlWrong, open_limits
from cozeloop.bootstrap.process import Process
from cozeloop.settings import Settings
from infra.cache.limits import ProcessLimits
from infra.cache.redis_limits import RedisLimits


def process(url: str) -> Process:
    return Process(Settings(cache_url=url), on_end=print)


def test_without_a_url_limits_are_the_process_s_own() -> None:
    assert isinstance(open_limits(process("")), ProcessLimits)


async def test_a_redis_is_picked_by_its_url_and_closed_with_the_process() -> None:
    opened = process("redis://127.0.0.1:6379/0")
    assert isinstance(open_limits(opened), RedisLimits)
    await opened.stop()


@pytest.mark.parametrize("url", ["http://:canary@somewhere/0", "canary", "redis://[canary"])
def test_another_address_is_named_without_its_password(url: str) -> None:
    with pytest.raises(CacheUrlWrong) as refused:
        open_limits(process(url))
    assert "COZELOOP_CACHE_URL" in str(refused.value)
    assert "canary" not in str(refused.value)
