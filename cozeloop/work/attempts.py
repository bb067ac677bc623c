"""Trying again what failed: how often is the experiment's to say, how long between is the installation's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

I = TypeVar("I")  # noqa: E741 - an input
R = TypeVar("R")

LONGEST_PAUSE_SECONDS = 20.0


@dataclass(frozen=True)
class Attempts:
    """``pause_seconds`` lie between the first attempt and the second; they double from one to the next."""

    pause_seconds: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def pause(self, failed: int) -> None:
        """Waits after an attempt, ``failed`` others having failed before it."""
        await self.sleep(min(self.pause_seconds * 2**failed, LONGEST_PAUSE_SECONDS))

    async def each(
        self,
        items: Sequence[I],
        perform: Callable[[Sequence[I]], Awaitable[Sequence[R]]],
        good: Callable[[R], bool],
        left: Callable[[I], int],
        tried: Callable[[I, R, int], None],
    ) -> list[R]:
        """The result of each item's last attempt: the first good one, or the one after ``left`` further attempts.

        ``tried`` is told of each one before the last: the item, what came of it, and its number from 1.
        """
        results = list(await perform(items))
        failed = 0
        while again := [n for n, item in enumerate(items) if not good(results[n]) and left(item) > failed]:
            for number in again:
                tried(items[number], results[number], failed + 1)
            await self.pause(failed)
            failed += 1
            for number, result in zip(again, await perform([items[n] for n in again]), strict=True):
                results[number] = result
        return results
