"""A stream of bytes of the event loop, pulled from a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

Open = Callable[[], Iterator[bytes]]
"""The file from its beginning, each time it is called."""

LONGEST_WAIT = 60.0
"""Seconds that a thread waits for a block: the loop may have ended meanwhile."""


def pulled(stream: Callable[[], AsyncIterator[bytes]], loop: asyncio.AbstractEventLoop) -> Open:
    """For a thread: every call begins the stream anew. Raises what the stream raises."""

    def opened() -> Iterator[bytes]:
        blocks = stream()

        async def following() -> bytes | None:
            return await anext(blocks, None)

        while (block := asyncio.run_coroutine_threadsafe(following(), loop).result(LONGEST_WAIT)) is not None:
            yield block

    return opened
