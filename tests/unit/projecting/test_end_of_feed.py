"""What ends a feed: a log that is not what was written, and its own cancellation, whatever breaks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cozeloop.projecting.feeding import Feeder
from events.event import Metadata, Recorded, Stream, Unrecognised
from infra.eventstore.log import Damaged
from infra.messaging.feed import LogHole
from infra.vault.keys import KeyMissing


def recorded(position: int) -> Recorded[Any]:
    meta = Metadata("1", f"c{position}", datetime(2025, 1, 1, tzinfo=UTC))
    event = Unrecognised(type="Noted", version=1)
    return Recorded(event, Stream("7", "notes", "5"), position, position, f"c{position}.0", None, meta, "h")


class Follows:
    """Takes everything behind its position, unless told to fail."""

    def __init__(self, position: int = 0, fails: int = 0) -> None:
        self.position = position
        self.fails = fails
        self.opened = 0
        self.took: list[int] = []

    async def open(self) -> int:
        self.opened += 1
        return self.position

    async def apply(self, batch: Any) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("disk full")
        self.took += [r.position for r in batch if r.position > self.position]
        self.position = max(self.position, batch[-1].position)


def feed(*parts: Any) -> tuple[Callable[[int], AsyncIterator[list[Recorded[Any]]]], list[int]]:
    """Numbers are batches of one event, an error breaks off; the next call goes on behind it. Then silence."""
    left = list(parts)
    asked: list[int] = []

    async def batches(after: int) -> AsyncIterator[list[Recorded[Any]]]:
        asked.append(after)
        while left:
            part = left.pop(0)
            if isinstance(part, Exception):
                raise part
            yield [recorded(part)]
        await asyncio.Event().wait()

    return batches, asked


async def fed(feeder: Feeder, position: int) -> asyncio.Task[None]:
    task = asyncio.create_task(feeder.run())
    async with asyncio.timeout(5):
        await feeder.until(position)
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("loss", [LogHole(1, "position 2 is missing"), Damaged("altered"), KeyMissing("no key")])
async def test_a_loss_ends_the_feed_and_is_told_to_whoever_waits(loss):
    told: list[str] = []
    batches, _ = feed(1, loss)
    feeder = Feeder(batches, [Follows()], on_loss=told.append)
    async with asyncio.timeout(5):
        task = asyncio.create_task(feeder.run())
        assert not await feeder.until(2)
        assert await feeder.until(1)
        await task
    assert told == [feeder.trouble] == [str(loss)]


async def test_an_error_on_the_way_out_does_not_make_a_cancelled_feed_go_on():
    """A connection that breaks while it is closed raises in place of the cancellation."""

    async def batches(after: int) -> AsyncIterator[list[Recorded[Any]]]:
        try:
            yield [recorded(1)]
            await asyncio.Event().wait()
        finally:
            raise OSError("connection lost")

    task = await fed(Feeder(batches, [Follows()]), 1)
    async with asyncio.timeout(5):
        await end(task)
