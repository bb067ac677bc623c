"""Whether a Redis answers."""

from __future__ import annotations

from typing import Any

SECONDS = 3.0


async def ping(url: str) -> str:
    """The server's version; raises ConnectionError, whose text does not show the address' password."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client: Any = Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS)
    try:
        return str((await client.info("server"))["redis_version"])
    except (RedisError, OSError) as error:
        raise ConnectionError(f"Redis does not answer: {type(error).__name__}") from None
    finally:
        await client.aclose()
