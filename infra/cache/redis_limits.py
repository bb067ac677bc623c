"""Rate limits shared by all processes: the same algorithm in one Lua script on Redis, by Redis's own clock.

A limit protects; it is no condition for an answer. While Redis cannot be asked, every call is allowed, and one line
in the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import ceil, floor
from time import monotonic

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger("cozeloop.limits")

PREFIX = "cozeloop:limits:"
REST_SECONDS = 1.0
"""After a failure Redis is left alone for so long, so that not each call waits for its timeout."""
ASK_SECONDS = 0.5
"""Longest wait for an answer."""

# KEYS: the key. ARGV, in microseconds: one call's interval times its cost, the burst's room for it, the patience.
# The key holds the theoretical arrival and dies when that has passed: it is as good as new then.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or 0)
if arrival < now then arrival = now end
local wait = math.max(arrival - now - tonumber(ARGV[2]), 0)
if wait > tonumber(ARGV[3]) then return '-1' end
arrival = arrival + tonumber(ARGV[1])
if arrival > now then
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return string.format('%.0f', wait)
"""


class RedisLimits:
    """Limits of every process that names the same Redis and ``prefix``. ``aclose`` ends its connections."""

    def __init__(self, url: str, prefix: str = PREFIX, clock: Callable[[], float] = monotonic) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=ASK_SECONDS,
            socket_connect_timeout=ASK_SECONDS,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[ConnectionError],
        )
        self._script = self._redis.register_script(SCRIPT)
        self._prefix = prefix
        self._clock = clock
        self._rests_until = float("-inf")
        self._said = False

    async def allow(self, key: str, rate: float, burst: int) -> bool:
        """Whether one more call is within ``rate`` a second and ``burst`` at once; a rate of 0 or less allows all."""
        return await self.reserve(key, rate, burst) is not None

    async def reserve(self, key: str, rate: float, burst: int, cost: float = 1, patience: float = 0.0) -> float | None:
        """Takes a place in the key's queue: the seconds until it is this call's turn, 0 = now.

        None when that is longer than ``patience``; nothing is counted then. A negative cost gives back.
        """
        if rate <= 0 or self._clock() < self._rests_until:
            return 0.0
        micros = floor(cost / rate * 1e6), ceil((burst - cost) / rate * 1e6), round(patience * 1e6)
        try:
            wait = int(await self._script(keys=[self._prefix + key], args=micros))
        except (RedisError, OSError, TimeoutError) as error:
            self._rests_until = self._clock() + REST_SECONDS
            if not self._said:
                self._said = True
                log.warning("rate limits are not enforced: Redis does not answer (%s)", type(error).__name__)
            return 0.0
        if self._said:
            self._said = False
            log.info("rate limits are enforced again")
        return None if wait < 0 else wait / 1e6

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()
