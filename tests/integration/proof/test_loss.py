"""L4: loss and alteration are noticed before anything is written, whoever remembers."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from events.event import Stream
from infra.eventstore.anchor import AnchorFile
from infra.eventstore.envelope import link
from infra.eventstore.guard import Stand
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Damaged, LogUnavailable, LossNoticed, Tail, Unknown
from tests.integration.conftest import HeldObjects, until
from tests.integration.eventstore.conftest import KNOWN, Noted, meta, numbers
from tests.integration.proof.conftest import verified
from tests.integration.proof.damage import flip, publish, rewrite

NOTES = Stream("7", "notes", "5")


async def noted(log, number: int, stream: Stream = NOTES):
    """One more note, on whatever the stream holds now."""
    loaded = await log.load([stream], (), numbers, fresh=True)
    return (await log.append([Append(stream, [Noted(text="t", number=number)])], loaded.tails, meta(f"c{number}")))[0]


def witness(*stands: Stand):
    async def remembers():
        return stands

    return remembers


# Between two connections of one process


async def test_what_is_published_during_a_reconnect_waits_for_the_guard(opened, bench, tmp_path):
    """The log is cut while the server is away: none of the appends under way is stored in the gap."""
    log = await opened(timeout=2.0)
    recorded = [await noted(log, n) for n in range(20)]
    outcomes: list[object] = []

    async def write(who: int) -> None:
        for turn in range(1000):
            stream = Stream("7", "notes", f"{who}", "by", str(turn))
            try:
                outcomes.append(
                    await log.append(
                        [Append(stream, [Noted(text="t", number=1)])], {stream.name: Tail()}, meta(f"{who}-{turn}")
                    )
                )
            except (Unknown, LogUnavailable) as error:
                outcomes.append(error)
            if log.stopped:
                return

    flip(tmp_path / "nats", recorded[9].hash)
    writers = [asyncio.create_task(write(who)) for who in range(8)]
    await until(lambda: len(outcomes) > 20)
    os.kill(bench.server.pid, signal.SIGKILL)
    await asyncio.gather(*writers)
    assert "gone" in log.stopped or "another event" in log.stopped
    assert any(isinstance(o, LossNoticed) for o in outcomes)
    left = await log.end()
    assert left == 9
    with pytest.raises(LossNoticed, match=f"ends at {left}"):
        await noted(log, 99)
    assert (await (await opened()).load([NOTES], (), numbers)).state == tuple(range(9))


async def test_a_plain_reconnect_goes_on_where_it_was(opened, bench):
    log = await opened()
    first = await noted(log, 1)
    os.kill(bench.server.pid, signal.SIGKILL)
    await until(lambda: bench.server.restarts == 1)
    again = await noted(log, 2)
    assert again.position == first.position + 1
    assert log.stopped == ""


async def test_a_connection_that_ends_without_a_word_is_opened_again(bench, keys):
    """nats-py may fail on its way to telling that it closed."""

    async def wordless(**options):
        return await bench.connect(**{k: v for k, v in options.items() if k != "closed_cb"})

    log = JetStreamLog(wordless, KNOWN, keys, HeldObjects())
    await log.open()
    first = await noted(log, 1)
    os.kill(bench.server.pid, signal.SIGKILL)
    await until(lambda: bench.server.restarts == 1)
    assert (await noted(log, 2)).position == first.position + 1
    await log.close()


# Between two starts


async def test_a_witness_beyond_the_end_stops_writing_and_names_the_gap(opened):
    log = await opened()
    await noted(log, 1)
    stand = Stand("the database", log.guarded.log_id, 4, "")
    late = await opened([witness(stand)])
    with pytest.raises(LossNoticed, match="the database stands at 4: positions 2 to 4 are gone"):
        await noted(late, 2)
    assert (await late.load([NOTES], (), numbers)).state == (1,)
    assert await log.end() == 1


async def test_a_witness_of_another_event_or_another_log_stops_writing(opened):
    log = await opened()
    recorded = await noted(log, 1)
    for stand, what in (
        (Stand("the database", log.guarded.log_id, 1, "another"), "the log holds another event there"),
        (Stand("the database", "another log", 1, recorded.hash), "follows log another log"),
    ):
        late = await opened([witness(stand)])
        assert what in late.stopped
        assert "restore" in late.stopped
        with pytest.raises(LossNoticed):
            await noted(late, 2)
    agreeing = await opened([witness(Stand("it", log.guarded.log_id, 1, recorded.hash), Stand("new", "", 0, ""))])
    await noted(agreeing, 2)
    assert await log.end() == 2


# Alteration


async def test_a_forged_event_is_named_by_its_hash_and_refuses_its_stream(opened, bench):
    log = await opened()
    await noted(log, 1)
    true = await log.reader.at(1)
    await noted(log, 2, Stream("7", "notes", "6"))
    nc = await bench.connect()
    headers = {k: v for k, v in true.headers.items() if k.startswith("ce-")} | {
        "ce-streamversion": "2",
        "ce-prevhash": true.hash,
    }
    assert await publish(nc, "events.7.notes.5", true.state, headers) == 3
    await nc.close()
    verdict = await verified(log)
    assert verdict.problems == ["position 3, stream 7.notes.5: the content is not what was hashed"]
    other = await opened()
    with pytest.raises(Damaged, match=r"position 3, stream 7\.notes\.5"):
        await other.load([NOTES], (), numbers)
    assert [type(r.event).__name__ for r in await other.read_all(0, 10)] == ["Noted", "Noted", "Unrecognised"]
    assert (await other.load([Stream("7", "notes", "6")], (), numbers)).state == (2,)


async def test_a_message_that_is_no_event_is_named_and_stands_in_nobody_s_way(opened, bench):
    log = await opened()
    await noted(log, 1)
    nc = await bench.connect()
    for subject, headers in (("events.7.notes.5", {}), ("events.nonsense", {"ce-type": "Noted"})):
        await publish(nc, subject, b"not JSON", headers)
    await nc.close()
    await noted(log, 2, Stream("7", "notes", "6"))
    problems = (await verified(log)).problems
    for position, stream in ((2, "7.notes.5"), (3, "nonsense")):
        assert f"position {position}, stream {stream}: the content is not what was hashed" in problems
    read = await (await opened()).read_all(0, 10)
    assert [type(r.event).__name__ for r in read] == ["Noted", "Unrecognised", "Unrecognised", "Noted"]
    with pytest.raises(Damaged):
        await (await opened()).load([NOTES], (), numbers)


async def test_an_event_with_a_right_hash_in_the_wrong_place_is_named(opened, bench):
    log = await opened()
    for number in (1, 2):
        await noted(log, number)
    second = await log.reader.at(2)
    headers = {k: v for k, v in second.headers.items() if k.startswith("ce-")}
    nc = await bench.connect()
    await publish(nc, "events.7.notes.5", second.state, headers)
    alone = {k: v for k, v in headers.items() if k not in ("ce-prevhash", "ce-hash")} | {"ce-streamversion": "3"}
    await publish(nc, "events.7.notes.5", second.state, alone | {"ce-hash": link("", alone, second.state)})
    await nc.close()
    problems = (await verified(log)).problems
    assert "position 3, stream 7.notes.5: version 2 follows 2" in problems
    assert "position 3, stream 7.notes.5: the chain is broken before it" in problems
    assert "position 4, stream 7.notes.5: the chain is broken before it" in problems
    with pytest.raises(Damaged):
        await (await opened()).load([NOTES], (), numbers)


async def test_a_rewritten_log_is_named_although_every_record_is_right_for_jetstream(bench, keys, tmp_path, opened):
    log = await opened()
    for number in range(5):
        await noted(log, number)
    await log.close()
    await bench.server.stop()
    await rewrite(tmp_path / "nats", 3)
    await bench.server.start()
    problems = (await verified(await opened())).problems
    assert problems == ["position 3, stream 7.notes.5: the content is not what was hashed"]


# The anchor

KEY = b"k" * 32


async def test_the_anchor_follows_the_log_and_verify_holds_the_log_to_it(opened, tmp_path):
    log = await opened()
    for number in range(5):
        await noted(log, number)
    anchor = AnchorFile(tmp_path / "anchor.json", KEY)
    await anchor.begin(log.guarded.log_id, log.reader)
    assert (anchor.anchor.position, anchor.anchor.count) == (5, 5)
    await noted(log, 9)
    older = AnchorFile(tmp_path / "anchor.json", KEY)
    assert (await verified(log, older.anchor)).problems == []
    assert (await opened([older.stands])).stopped == ""


async def test_an_anchor_that_was_altered_is_refused(opened, tmp_path):
    log = await opened()
    await noted(log, 1)
    path = tmp_path / "anchor.json"
    anchor = AnchorFile(path, KEY)
    await anchor.begin(log.guarded.log_id, log.reader)
    text = path.read_text()
    for altered in (text.replace('"position": 1', '"position": 0'), text.replace('"count": 1', '"count": 2')):
        assert altered != text
        path.write_text(altered)
        with pytest.raises(Damaged, match="signature"):
            AnchorFile(path, KEY)
    path.write_text(text[:30])
    with pytest.raises(Damaged, match="not readable"):
        AnchorFile(path, KEY)
    path.write_text(text)
    with pytest.raises(Damaged, match="signature"):
        AnchorFile(path, b"x" * 32)


async def test_an_anchor_names_a_tail_that_nobody_else_remembers(opened, bench, tmp_path):
    log = await opened()
    recorded = [await noted(log, n) for n in range(8)]
    path = tmp_path / "anchor.json"
    anchor = AnchorFile(path, KEY)
    await anchor.begin(log.guarded.log_id, log.reader)
    await log.close()
    flip(tmp_path / "nats", recorded[5].hash)
    os.kill(bench.server.pid, signal.SIGKILL)
    await until(lambda: bench.server.restarts == 1)
    late = await opened([AnchorFile(path, KEY).stands])
    assert "the event log ends at 5, but the anchor file stands at 8: positions 6 to 8 are gone" in late.stopped
    assert "the log ends at 5, the anchor stands at 8" in (await verified(late, anchor.anchor)).problems
