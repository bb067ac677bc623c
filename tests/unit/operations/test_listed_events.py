"""An operator's list of events, whatever the pages of the log are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cozeloop.operations import LogOperations
from cozeloop.platform import EventQuery
from events.event import Metadata, Recorded, Stream
from events.reservations import NameClaimed, NameReleased
from infra.eventstore.log import Append, Tail
from tests.memory_log import MemoryLog

NAME = Stream("7", "reservations", "ab", "name")


class ShortPages(MemoryLog):
    """A log server that answers fewer than were asked for: its messages are large."""

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        return await super().read_all(after, min(limit, 2), filter)


async def test_a_page_that_is_short_is_not_taken_for_the_last() -> None:
    log = ShortPages()
    claims = [NameClaimed(reservation="ab", owner=str(n)) for n in range(5)]
    meta = Metadata("9", "c", datetime(2025, 1, 1, tzinfo=UTC))
    await log.append([Append(NAME, claims)], {NAME.name: Tail()}, meta)
    anything: Any = None
    operations = LogOperations(log, anything, (), *[anything] * 6)  # type: ignore[arg-type]
    assert [line["position"] async for line in operations.events(EventQuery())] == [1, 2, 3, 4, 5]
    assert [line["position"] async for line in operations.events(EventQuery(after=1, limit=3))] == [2, 3, 4]


async def test_events_of_one_type_are_found_behind_pages_without_any() -> None:
    log = ShortPages()
    claims = [NameClaimed(reservation="ab", owner=str(n)) for n in range(5)]
    meta = Metadata("9", "c", datetime(2025, 1, 1, tzinfo=UTC))
    await log.append([Append(NAME, [*claims, NameReleased(reservation="ab", owner="4")])], {NAME.name: Tail()}, meta)
    anything: Any = None
    operations = LogOperations(log, anything, (), *[anything] * 6)  # type: ignore[arg-type]
    assert [line["position"] async for line in operations.events(EventQuery(type="NameReleased"))] == [6]
    assert [line["position"] async for line in operations.events(EventQuery(type="NameClaimed", limit=3))] == [1, 2, 3]
    assert [line async for line in operations.events(EventQuery(type="Nothing"))] == []
