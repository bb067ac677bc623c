"""S1, S3: wherever a reader begins, however the feed cuts the log, and whenever it reads: everything once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cozeloop import subscriptions
from cozeloop.platform import EventQuery
from cozeloop.subscriptions import Reader
from tests.subscribed import Subscribed

SPACES, CAPABILITIES, TYPES = ("7", "8"), ("prompts", "datasets"), ("MemberAdded", "TokenRevoked")
queries = st.builds(
    EventQuery,
    space=st.sampled_from(("", *SPACES)),
    capability=st.sampled_from(("", *CAPABILITIES)),
    type=st.sampled_from(("", *TYPES)),
)
happenings = st.tuples(st.sampled_from(SPACES), st.sampled_from(CAPABILITIES), st.integers(1, 3), st.booleans())
steps = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), happenings),
        st.tuples(st.just("feed"), st.integers(1, 4)),
        st.tuples(st.just("open"), st.tuples(queries, st.none() | st.integers(0, 30))),
        st.tuples(st.just("read"), st.tuples(st.integers(0, 5), st.integers(1, 4))),
        st.tuples(st.just("resume"), st.integers(0, 5)),
    ),
    max_size=40,
)


class History:
    """What each reader was told, beside what it is owed."""

    def __init__(self) -> None:
        self.world = Subscribed()
        self.readers: list[tuple[Reader, int, list[int]]] = []
        self._fed = 0

    async def happen(self, what: tuple[str, str, int, bool]) -> None:
        space, capability, times, other = what
        await self.world.happen(space, capability, times, other)

    async def feed(self, events: int) -> None:
        self._fed = min(self._fed + events, len(self.world.log.recorded))
        await self.world.feed(self._fed)

    async def open(self, how: tuple[EventQuery, int | None]) -> None:
        query, after = how
        if after is not None:
            after = min(after, self.world.live.head)
        reader = await self.world.live.read(query, f"reader {len(self.readers)}", after)
        self.readers.append((reader, reader.position, []))

    async def read(self, which: tuple[int, int]) -> None:
        number, limit = which
        if self.readers:
            reader, _, told = self.readers[number % len(self.readers)]
            told.extend(line.position for line in await reader.page(0, limit))

    async def resume(self, number: int) -> None:
        """The connection breaks, and the reader comes back with the position it was at."""
        if self.readers:
            at = number % len(self.readers)
            reader, began, told = self.readers[at]
            reader.close()
            again = await self.world.live.read(reader.query, reader.owner, reader.position)
            self.readers[at] = (again, began, told)

    async def finish(self) -> None:
        await self.feed(len(self.world.log.recorded))
        for reader, began, told in self.readers:
            while reader.position < self.world.live.head:
                told.extend(line.position for line in await reader.page(0))
            assert told == self.world.wanted(reader.query, began)


@settings(deadline=None, max_examples=200)
@given(steps, st.sampled_from([1, 3, 1000]))
def test_every_reader_is_told_what_it_is_owed_whatever_happens_meanwhile(does: list[Any], kept: int) -> None:
    async def play() -> None:
        history = History()
        for name, argument in does:
            await getattr(history, name)(argument)
        await history.finish()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscriptions, "MOST_EVENTS", kept)
        asyncio.run(play())
