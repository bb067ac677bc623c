import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from events.event import Erased, Stream, Unrecognised
from events.reservations import NameClaimed
from infra.eventstore.log import Append, BeyondEnd, Conflict, Damaged, Issue, Seen, Tail, UnknownEvent
from infra.eventstore.writing import TooLarge
from tests.integration.eventstore.conftest import KNOWN, Noted, Renoted, meta, numbers

NOTES = Stream("7", "notes", "5")
OTHER = Stream("7", "notes", "6")
NAME = Stream("7", "reservations", "ab", "name")


def note(number, text="t"):
    return Noted(text=text, number=number)


async def put(log, stream, *events, command="c", fresh=False):
    loaded = await log.load([stream], (), numbers, fresh=fresh)
    return await log.append([Append(stream, events)], loaded.tails, meta(command))


async def test_what_was_appended_is_loaded_by_another_process(opened):
    first = await opened()
    await put(first, NOTES, note(1))
    await put(first, NOTES, note(2), note(3))
    loaded = await (await opened()).load([NOTES], (), numbers)
    assert loaded.state == (1, 2, 3)
    assert (loaded.tails["7.notes.5"].version, loaded.tails["7.notes.5"].position) == (3, 3)


async def test_a_warm_state_is_appended_to_without_a_read(opened):
    log = await opened()
    await put(log, NOTES, note(1))
    before = log.requests.sent
    await put(log, NOTES, note(2))
    assert log.requests.sent == before
    assert (await log.load([NOTES], (), numbers)).state == (1, 2)


async def test_a_second_writer_on_the_same_tail_is_refused_and_nothing_is_stored(opened):
    """W1: the loser gets a conflict, for single events and for batches over streams."""
    a, b = await opened(), await opened()
    await put(a, NOTES, note(1))
    stale = {NOTES.name: Tail(), OTHER.name: Tail()}
    with pytest.raises(Conflict):
        await b.append([Append(NOTES, [note(9)])], stale, meta("x"))
    with pytest.raises(Conflict):
        await b.append([Append(OTHER, [note(9)]), Append(NOTES, [note(9)])], stale, meta("x"))
    assert (await b.load([OTHER], (), numbers)).state == ()
    assert await a.end() == 1


async def test_of_racing_writers_exactly_one_wins_each_round(opened):
    logs = [await opened() for _ in range(4)]
    for round in range(50):
        stream = Stream("7", "notes", str(1000 + round))
        tries = [
            log.append([Append(stream, [note(i)])], {stream.name: Tail()}, meta(f"{i}")) for i, log in enumerate(logs)
        ]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(r, list) for r in results) == 1
        assert sum(isinstance(r, Conflict) for r in results) == 3


async def test_a_fresh_load_sees_what_another_process_appended(opened):
    a, b = await opened(), await opened()
    await put(a, NOTES, note(1))
    assert (await b.load([NOTES], (), numbers)).state == (1,)
    await put(a, NOTES, note(2))
    assert (await b.load([NOTES], (), numbers)).state == (1,)
    fresh = await b.load([NOTES], (), numbers, fresh=True)
    assert fresh.state == (1, 2)
    assert fresh.tails[NOTES.name].position == 2


async def test_streams_fold_into_one_state_in_their_order(opened):
    log = await opened()
    await put(log, OTHER, note(2))
    await put(log, NOTES, note(1))
    assert (await log.load([NOTES, OTHER], (), numbers)).state == (1, 2)


async def test_the_events_of_a_command_are_found_again_by_any_of_their_positions(opened):
    """W3: a repeat is answered from the log, across streams."""
    log = await opened()
    await put(log, NOTES, note(1), command="before")
    tails = {NOTES.name: (await log.load([NOTES], (), numbers)).tails[NOTES.name], NAME.name: Tail()}
    claimed = NameClaimed(reservation="ab", owner="5")
    await log.append([Append(NOTES, [note(2), note(3)]), Append(NAME, [claimed])], tails, meta("mine", "d1"))
    await put(log, NOTES, note(4), command="after")
    for position in (2, 3, 4):
        found = await log.by_command("mine", position)
        assert [r.position for r in found] == [2, 3, 4]
        assert found[2].event == claimed
    seen = (await (await opened()).load([NOTES], (), numbers)).commands
    assert seen["mine"] == Seen(3, "d1")


async def test_a_group_is_one_batch_and_a_loser_costs_the_others_nothing(opened):
    log = await opened()
    await put(log, OTHER, note(0))
    streams = [Stream("7", "notes", str(i)) for i in range(10, 20)]
    issues = [Issue([Append(s, [note(1)])], {s.name: Tail()}, meta(s.id)) for s in (*streams, OTHER)]
    results = await log.append_group(issues)
    assert [isinstance(r, Conflict) for r in results] == [False] * 10 + [True]
    assert await log.end() == 11
    assert [r.event.number for r in await log.by_command("12", 4)] == [1]


@pytest.mark.parametrize("events", [[note(1, "x" * 600_000)], [note(i) for i in range(1001)]])
async def test_more_than_a_batch_may_hold_is_refused_before_anything_is_sent(opened, objects, events):
    log = await opened()
    if len(events) == 1:
        events = [NameClaimed(reservation="x" * 600_000, owner="1")]
    with pytest.raises(TooLarge):
        await log.append([Append(NOTES, events)], {NOTES.name: Tail()}, meta("big"))
    assert await log.end() == 0


async def test_a_large_value_lies_in_the_object_store_and_is_opened_from_there(opened, objects):
    """L6: the event carries the reference alone."""
    log = await opened()
    await put(log, NOTES, note(1, "large" * 30_000))
    assert len(objects.held) == 1
    assert (await log.reader.last("events.7.notes.5")).state.__len__() < 1000
    [recorded] = await (await opened()).read_all(0, 10)
    assert recorded.event.text == "large" * 30_000


async def test_no_text_of_a_user_is_in_the_store(opened, tmp_path, objects):
    """P1: payloads, headers and subjects are searched for a canary."""
    canary = "canary-82346-text"
    log = await opened()
    await put(log, NOTES, note(1, canary))
    await put(log, NOTES, note(2, canary * 10_000))
    files = b"".join(p.read_bytes() for p in (tmp_path / "nats").rglob("*") if p.is_file())
    assert b"7.notes.5" in files
    assert canary.encode() not in files
    assert all(canary.encode() not in held for held in objects.held.values())


async def test_content_under_a_destroyed_key_opens_to_erased_and_the_chain_still_fits(opened, keys):
    """P1: folding goes on."""
    log = await opened()
    await put(log, NOTES, note(1, "mine"))
    await put(log, Stream("8", "notes", "5"), note(2, "theirs"))
    keys.destroy("7")
    first, second = await (await opened()).read_all(0, 10)
    assert isinstance(first.event.text, Erased)
    assert (first.event.number, second.event.text) == (1, "theirs")


async def test_an_event_of_another_release_refuses_loads_and_stands_unrecognised_in_the_feed(opened):
    log = await opened()
    await put(log, NOTES, note(1))
    older = await opened(known={})
    with pytest.raises(UnknownEvent, match="Noted version 1"):
        await older.load([NOTES], (), numbers)
    [recorded] = await older.read_all(0, 10)
    assert recorded.event == Unrecognised(type="Noted", version=1)


async def test_an_older_payload_is_upcast_when_it_is_read(opened, bench):
    """V2."""

    class First(Noted):
        n: int
        number: int = 0

    First.__name__ = "Noted"
    log = await opened(known={"Noted": First})
    await log.append([Append(NOTES, [First(text="t", n=7)])], {NOTES.name: Tail()}, meta("c"))
    [recorded] = await (await opened(known={**KNOWN, "Noted": Renoted})).read_all(0, 10)
    assert (recorded.event.number, recorded.event.text) == (7, "t")


async def test_a_stream_is_read_as_it_stood_at_every_position_and_time(opened):
    """R9: and a batch is in as a whole or not at all."""
    log = await opened()
    await put(log, NOTES, note(1))
    await put(log, OTHER, note(0))
    await put(log, NOTES, note(2), note(3))
    await put(log, NOTES, note(4))
    states = [(await log.as_of([NOTES], (), numbers, position=p)).state for p in range(6)]
    assert states == [(), (1,), (1,), (1,), (1, 2, 3), (1, 2, 3, 4)]
    times = [r.recorded_at for r in await log.read_all(0, 10)]
    assert (await log.as_of([NOTES], (), numbers, time=times[0])).state == (1,)
    assert (await log.as_of([NOTES], (), numbers, time=times[2])).state == (1,)
    assert (await log.as_of([NOTES], (), numbers, time=times[3])).state == (1, 2, 3)
    assert (await log.as_of([NOTES], (), numbers, time=datetime.now(UTC))).state == (1, 2, 3, 4)  # noqa: TID251


async def test_a_bound_is_the_last_position_that_cuts_no_batch(opened):
    """R9."""
    log = await opened()
    await put(log, NOTES, note(1))
    await put(log, NOTES, note(2), note(3), note(4))
    await put(log, OTHER, note(5))
    assert [await log.whole(p) for p in range(6)] == [0, 1, 1, 1, 4, 5]
    times = [r.recorded_at for r in await log.read_all(0, 10)]
    assert await log.whole(time=times[0] - timedelta(seconds=1)) == 0
    assert [await log.whole(time=at) for at in (times[0], times[3], times[4])] == [1, 4, 5]
    with pytest.raises(BeyondEnd, match="5"):
        await log.whole(6)
    pages = [page async for page in log.history(NOTES.name, 3)]
    assert [r.position for page in pages for r in page] == [1, 2, 3]


async def test_last_only_states_follow_the_last_event(opened):
    def last(_, event):
        return event.number

    log = await opened()
    await put(log, NOTES, note(1), note(2))
    other = await opened()
    loaded = await other.load([NOTES], 0, last, last_only=True)
    assert loaded.state == 2
    await other.append([Append(NOTES, [note(3)])], loaded.tails, meta("n"))
    assert (await other.load([NOTES], 0, last, last_only=True)).state == 3


async def test_loading_among_many_other_events_asks_the_same_number_of_times(opened):
    """O2: a warm command costs one request, a cold load of a stream one per stream, however long the log."""
    log = await opened()
    await put(log, NOTES, note(1))
    counted = []
    for size in (10, 500):
        for i in range(size // 10):
            await put(log, Stream("7", "notes", f"9{size}{i}"), *[note(k) for k in range(10)])
        cold = await opened()
        before = cold.requests.sent
        await cold.load([NOTES], (), numbers)
        counted.append(cold.requests.sent - before)
    assert counted == [1, 1]


async def test_an_altered_payload_is_named_refuses_its_stream_and_leaves_the_others(opened, bench):
    """L4: the server's own checksum was right, the chain's was not."""
    log = await opened()
    await put(log, NOTES, note(1))
    await put(log, OTHER, note(2))
    forger = await bench.connect()
    headers = {**(await log.reader.at(1)).headers, "ce-streamversion": "2"}
    forged = {k: v for k, v in headers.items() if k.startswith("ce-")}
    await forger.request("events.7.notes.5", b"{}", timeout=5, headers=forged)
    await forger.close()
    other = await opened()
    with pytest.raises(Damaged, match=r"position 3, stream 7\.notes\.5"):
        await other.load([NOTES], (), numbers)
    assert (await other.load([OTHER], (), numbers)).state == (2,)
    assert [type(r.event).__name__ for r in await other.read_all(0, 10)] == ["Noted", "Noted", "Unrecognised"]
