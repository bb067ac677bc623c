"""The Redis for tests: its address comes from COZELOOP_TEST_REDIS_URL; keys lie under a prefix that is removed.

A server that cannot be reached skips its tests with the reason, and fails them when CI=true.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

VARIABLE = "COZELOOP_TEST_REDIS_URL"


def address() -> str:
    """Where the test server answers."""
    return os.environ.get(VARIABLE, "redis://127.0.0.1:6379/0")


@asynccontextmanager
async def fresh_prefix() -> AsyncIterator[str]:
    """A prefix of this test's own; what lies under it is removed at the end."""
    prefix = f"cozeloop_test_{secrets.token_hex(6)}:"
    redis = Redis.from_url(address(), socket_connect_timeout=2)
    try:
        try:
            await redis.ping()
        except (RedisError, OSError) as error:
            reason = f"no redis server behind {VARIABLE}: {type(error).__name__}: {error}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        try:
            yield prefix
        finally:
            async for key in redis.scan_iter(f"{prefix}*"):
                await redis.delete(key)
    finally:
        await redis.aclose()
