"""Rate limits: in this process, or on the Redis that all processes name."""

from __future__ import annotations

from cozeloop.bootstrap.process import Process
from cozeloop.platform import RateLimits
from infra.cache.limits import ProcessLimits


class CacheUrlWrong(Exception):
    """COZELOOP_CACHE_URL is no address of a Redis; the text shows nothing of it, for it may hold a password."""


def open_limits(process: Process) -> RateLimits:
    """The limits that the settings' ``cache_url`` picks. Redis itself is first asked by the first call."""
    url = process.settings.cache_url
    if not url:
        return ProcessLimits()
    from infra.cache.redis_limits import RedisLimits

    try:
        limits = RedisLimits(url)
    except ValueError:
        raise CacheUrlWrong("COZELOOP_CACHE_URL: must be like redis://127.0.0.1:6379/0") from None
    process.on_close(limits.aclose)
    return limits
