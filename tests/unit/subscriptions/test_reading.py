"""What a reader of events is owed: everything that it asked for, once, in order, from wherever it begins."""

from __future__ import annotations

import asyncio

import pytest

from cozeloop.platform import EventQuery, SubscriptionsEnded, TooManyReaders
from cozeloop.subscriptions import MOST_BYTES, MOST_EVENTS
from tests.subscribed import Subscribed, all_of, read


async def test_what_was_there_before_is_read_and_then_what_comes() -> None:
    world = Subscribed()
    await world.happen("7", "prompts", 5)
    await world.feed()
    reader = await world.live.read(EventQuery(), "ada", 2)
    assert await all_of(reader, 5) == [3, 4, 5]
    await world.happen("7", "prompts", 2)
    await world.feed()
    assert await read(reader) == [6, 7]


async def test_without_a_position_only_what_is_still_to_come_is_read() -> None:
    world = Subscribed()
    await world.happen("7", "prompts", 2)
    await world.feed()
    reader = await world.live.read(EventQuery(), "ada")
    await world.happen("7", "prompts")
    await world.feed()
    assert await read(reader) == [3]


async def test_an_event_is_not_told_before_the_read_models_show_it() -> None:
    world = Subscribed()
    await world.happen("7", "prompts", 4)
    await world.feed(2)
    reader = await world.live.read(EventQuery(), "ada", 0)
    assert await all_of(reader, 2) == [1, 2]
    assert await read(reader) == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (EventQuery(space="7"), [1, 2, 4]),
        (EventQuery(space="7", capability="prompts"), [1, 4]),
        (EventQuery(capability="prompts"), [1, 3, 4]),
        (EventQuery(stream="7.datasets.1"), [2]),
        (EventQuery(type="TokenRevoked"), [4]),
        (EventQuery(space="8", type="TokenRevoked"), []),
    ],
)
@pytest.mark.parametrize("live", [True, False])
async def test_only_what_was_asked_for_is_told_from_memory_and_from_the_log(
    query: EventQuery, wanted: list[int], live: bool
) -> None:
    world = Subscribed()
    reader = await world.live.read(query, "ada", 0) if live else None
    await world.happen("7", "prompts")
    await world.happen("7", "datasets")
    await world.happen("8", "prompts")
    await world.happen("7", "prompts", other=True)
    await world.feed()
    asked = world.source.pages
    reader = reader or await world.live.read(query, "ada", 0)
    assert await all_of(reader, 4) == wanted
    assert (world.source.pages == asked) == live


async def test_readers_at_the_head_share_one_copy_and_do_not_ask_the_log() -> None:
    world = Subscribed()
    readers = [await world.live.read(EventQuery(space="7"), f"user {i}") for i in range(20)]
    await world.happen("7", "prompts", 3)
    await world.feed()
    pages = [await reader.page(0) for reader in readers]
    assert world.source.pages == 0
    assert all(line.data is first.data for page in pages for line, first in zip(page, pages[0], strict=True))


async def test_what_nobody_reads_is_kept_by_nobody() -> None:
    world = Subscribed()
    await world.happen("7", "prompts", 50)
    await world.feed()
    assert world.live.kept_after(49) is None
    reader = await world.live.read(EventQuery(space="8"), "ada")
    await world.happen("7", "prompts", 50)
    await world.feed()
    assert not [k for k in world.live.kept_after(50) or () if k.data]
    assert await all_of(reader, 100) == []


async def test_a_reader_that_does_not_read_costs_no_memory_and_misses_nothing() -> None:
    """S2: what is kept for all has a bound; who comes later than it reaches reads the log itself."""
    world = Subscribed(page=500)
    idle = await world.live.read(EventQuery(), "ada", 0)
    await world.happen("7", "prompts", MOST_EVENTS + 500)
    await world.feed()
    kept = world.live.kept_after(world.live.head - 1)
    assert kept is not None and len(kept) == 1
    assert world.live.kept_after(400) is None
    assert sum(len(k.data or b"") for k in world.live.kept_after(500) or ()) <= MOST_BYTES
    assert world.live.behind == MOST_EVENTS + 500
    assert await all_of(idle, world.live.head) == list(range(1, MOST_EVENTS + 501))


async def test_what_lay_in_memory_opened_goes_with_the_key_of_its_space() -> None:
    world = Subscribed()
    reader = await world.live.read(EventQuery(), "ada", 0)
    await world.happen("7", "prompts", 2)
    await world.happen("8", "prompts")
    await world.erase("7")
    await world.feed()
    assert [k.position for k in world.live.kept_after(0) or () if k.data] == [3, 4]
    assert await all_of(reader, 4) == [1, 2, 3, 4]
    assert world.source.pages > 0


async def test_a_reader_waits_until_something_it_wants_has_happened() -> None:
    world = Subscribed()
    reader = await world.live.read(EventQuery(space="7"), "ada")
    waiting = asyncio.ensure_future(reader.page(30))
    await world.happen("8", "prompts")
    await world.feed()
    await world.happen("7", "prompts")
    await world.feed()
    assert [line.position for line in await waiting] == [2]


async def test_a_reader_that_waited_in_vain_has_moved_all_the_same() -> None:
    world = Subscribed()
    reader = await world.live.read(EventQuery(space="7"), "ada")
    waiting = asyncio.ensure_future(reader.page(0.01))
    await world.happen("8", "prompts", 4)
    await world.feed()
    assert await waiting == []
    assert reader.position == 4


async def test_an_event_that_comes_as_the_wait_ends_is_not_passed_over() -> None:
    world = Subscribed()
    reader = await world.live.read(EventQuery(), "ada")
    await world.happen("7", "prompts")
    waiting = asyncio.ensure_future(reader.page(0))
    await asyncio.sleep(0)
    await world.feed()
    assert [line.position for line in await waiting] + await read(reader) == [1]


async def test_a_batch_that_the_feed_gives_again_is_told_once() -> None:
    """The feed begins again behind whoever has come least far."""
    world = Subscribed()
    reader = await world.live.read(EventQuery(), "ada", 0)
    await world.happen("7", "prompts", 3)
    for batch in (world.log.recorded[:2], world.log.recorded[:1], world.log.recorded):
        await world.live.apply(batch)
    assert [k.position for k in world.live.kept_after(0) or ()] == [1, 2, 3]
    assert await all_of(reader, 3) == [1, 2, 3]


async def test_pages_end_at_the_limit_and_go_on_behind_it() -> None:
    world = Subscribed()
    from_memory = await world.live.read(EventQuery(), "ada", 0)
    await world.happen("7", "prompts", 5)
    await world.feed()
    assert [await read(from_memory, limit=2) for _ in range(3)] == [[1, 2], [3, 4], [5]]


async def test_there_are_only_so_many_readers_and_a_closed_one_makes_room() -> None:
    world = Subscribed(most=3, most_of_one=2)
    first = await world.live.read(EventQuery(), "ada")
    await world.live.read(EventQuery(space="7"), "ada")
    with pytest.raises(TooManyReaders, match="you have 2"):
        await world.live.read(EventQuery(), "ada")
    await world.live.read(EventQuery(), "eve")
    with pytest.raises(TooManyReaders, match="3 readers"):
        await world.live.read(EventQuery(), "bob")
    first.close()
    first.close()
    assert (await world.live.read(EventQuery(), "ada")).position == 0
    assert world.live.readers == 3


async def test_a_position_that_the_log_never_had_is_refused() -> None:
    world = Subscribed()
    await world.happen("7", "prompts", 3)
    await world.feed(1)
    assert (await world.live.read(EventQuery(), "ada", 3)).position == 3
    with pytest.raises(ValueError, match="ends at 3"):
        await world.live.read(EventQuery(), "ada", 4)


async def test_at_the_end_whoever_waits_is_told() -> None:
    world = Subscribed()
    reader = await world.live.read(EventQuery(), "ada")
    waiting = asyncio.ensure_future(reader.page(30))
    ended = asyncio.ensure_future(reader.ended())
    await asyncio.sleep(0)
    world.live.end()
    with pytest.raises(SubscriptionsEnded):
        await waiting
    await ended
    with pytest.raises(SubscriptionsEnded):
        await world.live.read(EventQuery(), "ada")
