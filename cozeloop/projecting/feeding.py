"""Feeds whoever follows the log: read models, process managers, the anchor; each keeps its own position."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from events.event import Recorded
from infra.eventstore.log import Damaged
from infra.messaging.feed import LogHole
from infra.vault.keys import KeyMissing

log = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0


class Follower(Protocol):
    """Takes batches in the order of the log and passes over what it has seen."""

    @property
    def position(self) -> int:
        """Where it stands."""
        ...

    async def open(self) -> int:
        """Finds out anew where it stands."""
        ...

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Takes a batch; what it raises is logged, and after another `open` the batch is given again."""
        ...


class Feeder:
    """One feed for several followers, begun behind the one that has come least far."""

    def __init__(
        self,
        batches: Callable[[int], AsyncGenerator[list[Recorded[Any]]]],
        followers: Sequence[Follower],
        *,
        on_loss: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._batches = batches
        self._followers = followers
        self._on_loss = on_loss
        self._reached = asyncio.Condition()
        self.position = 0
        self.trouble = ""
        """What keeps it from going on; empty while nothing does."""
        self._ended = False

    async def run(self) -> None:
        """Feeds for as long as it is not cancelled; a log with a hole, or one that is not this vault's, ends it."""
        pause = 0.05
        while True:
            before = self.position
            try:
                await self._follow()
            except (LogHole, Damaged, KeyMissing) as loss:
                self.trouble = str(loss)
                log.critical("the feed has ended: %s", loss)
                self._on_loss(self.trouble)
                async with self._reached:
                    self._ended = True
                    self._reached.notify_all()
                return
            except Exception as error:
                if ending():
                    raise asyncio.CancelledError from error
                self.trouble = f"the feed: {error}"
                log.exception("the feed broke off, beginning again")
            pause = 0.05 if self.position > before else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        await self._stand(min(f.position for f in self._followers))
        async with aclosing(self._batches(self.position)) as batches:
            async for batch in batches:
                for follower in self._followers:
                    await self._give(follower, batch)
                self.trouble = ""
                await self._stand(batch[-1].position)

    async def _stand(self, position: int) -> None:
        async with self._reached:
            self.position = position
            self._reached.notify_all()

    async def until(self, position: int) -> bool:
        """True when every follower stands at or past a position, False when the feed has ended before it."""
        async with self._reached:
            await self._reached.wait_for(lambda: self.position >= position or self._ended)
        return self.position >= position

    async def _give(self, follower: Follower, batch: Sequence[Recorded[Any]]) -> None:
        pause = 0.05
        failed = False
        while True:
            try:
                if failed:
                    await follower.open()
                await follower.apply(batch)
            except Exception as error:
                self.trouble = f"{type(follower).__name__}: {error}"
                log.exception("%s did not take the batch up to %d", type(follower).__name__, batch[-1].position)
                failed = True
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                if self.trouble:
                    self.trouble = ""
                return


def ending() -> bool:
    """Whether this task was cancelled; an error on the way out must not make it go on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
