"""Where a restored log ends: at its last whole batch, or at an earlier position that was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cozeloop.backup.archive import ArchiveUnusable
from cozeloop.bootstrap.rewinding import Ending, ending
from events.event import Stream
from infra.eventstore.anchor import Anchor, rolled
from infra.eventstore.connection import reading
from infra.eventstore.guard import FOLLOWS_AT
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Tail
from infra.eventstore.reading import Reader
from infra.eventstore.verify import verify
from infra.messaging.cutting import cut_files
from infra.messaging.server import NatsServer
from tests.integration.conftest import Bench, FixedKeys, HeldObjects
from tests.integration.eventstore.conftest import KNOWN, Noted, meta

BATCH = 5
BATCHES = 6
END = BATCH * BATCHES
"""The store holds batches 1 to 5, 6 to 10, …, each of a stream of its own, and a draft after each."""


@contextlib.asynccontextmanager
async def serving(store: Path) -> AsyncIterator[tuple[Bench, Reader]]:
    """The store with a reader of its log."""
    async with NatsServer(store) as server:
        bench = Bench(server)
        nc, reader, _ = await reading(bench.connect)
        yield bench, reader
        await nc.close()


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A stopped log."""
    path = tmp_path / "nats"
    async with NatsServer(path) as server:
        bench = Bench(server)
        await bench.set_up()
        log = JetStreamLog(bench.connect, KNOWN, FixedKeys(), HeldObjects())
        await log.open()
        nc = await bench.connect()
        for n in range(BATCHES):
            stream = Stream("7", "notes", str(n))
            notes = [Noted(text="t", number=i) for i in range(BATCH)]
            await log.append([Append(stream, notes)], {stream.name: Tail()}, meta(f"c{n}"))
            await nc.jetstream().publish(f"drafts.7.notes.{n}", b"draft")
        await nc.close()
        await log.close()
    return path


async def witness(store: Path, position: int) -> Anchor:
    """The anchor there."""
    async with serving(store) as (_, reader):
        log_id = (await reader.info())["config"]["metadata"]["log_id"]
        return await rolled(Anchor(log_id), position, reader)


async def cut(store: Path, end: Ending) -> tuple[int, list[str], str]:
    """Carries it out: events left, problems, and what was said."""
    end.cut(store)
    async with serving(store) as (bench, reader):
        admin = await bench.admin()
        said = await end.tell(reader, admin)
        await admin.close()
        report = [each async for each in verify(reader, end.witness)][-1]
        assert (await reader.info())["config"]["metadata"][FOLLOWS_AT] == str(report.done)
    return report.done, report.problems, said


@pytest.mark.parametrize("kept", [1, 4])
async def test_a_log_that_ends_within_a_batch_is_cut_to_the_whole_ones(store: Path, kept: int) -> None:
    seen = await witness(store, 3 * BATCH)
    cut_files(store, "EVENTS", 4 * BATCH + kept)
    async with serving(store) as (_, reader):
        end = await ending(reader, seen, None, None)
    assert await cut(store, end) == (4 * BATCH, [], "cut behind 20: a batch that was being written")


async def test_a_whole_log_stays_as_it_is(store: Path) -> None:
    async with serving(store) as (_, reader):
        end = await ending(reader, Anchor(""), None, None)
    assert await cut(store, end) == (END, [], "")


@pytest.mark.parametrize("asked", [2 * BATCH, 2 * BATCH + 1, 3 * BATCH - 1])
async def test_an_earlier_position_ends_the_log_with_the_batch_before_it(store: Path, asked: int) -> None:
    seen = await witness(store, END)
    async with serving(store) as (_, reader):
        end = await ending(reader, seen, asked, None)
    assert end.witness == await witness(store, 2 * BATCH)
    last, problems, said = await cut(store, end)
    assert (last, problems) == (2 * BATCH, [])
    assert "cut behind 10: 20 events" in said
    async with serving(store) as (bench, _):
        nc = await bench.connect()
        left = (await nc.jetstream().stream_info("DRAFTS")).state
        await nc.close()
    assert (left.messages, left.last_seq) == (1, BATCHES), "newer drafts are gone, their revisions not given out again"


async def test_a_time_ends_the_log_with_what_was_recorded_until_then(store: Path) -> None:
    async with serving(store) as (_, reader):
        record = await reader.at(4 * BATCH)
        assert record is not None
        end = await ending(reader, Anchor(""), None, record.recorded_at)
        assert (end.last, end.time) == (4 * BATCH, record.recorded_at)


async def test_what_nobody_could_verify_afterwards_is_verified_before_it_is_cut(store: Path) -> None:
    seen = await witness(store, END)
    altered = Anchor(seen.log_id, seen.position, seen.count, seen.hash, "f" * 64)
    async with serving(store) as (_, reader):
        with pytest.raises(ArchiveUnusable, match="the anchor at 30 does not fit"):
            await ending(reader, altered, BATCH, None)


async def test_a_bound_that_leaves_nothing_or_lies_beyond_the_end_is_refused(store: Path) -> None:
    async with serving(store) as (_, reader):
        with pytest.raises(ArchiveUnusable, match="beyond the log's end, 30"):
            await ending(reader, Anchor(""), END + 1, None)
        with pytest.raises(ArchiveUnusable, match="no event is so old"):
            await ending(reader, Anchor(""), BATCH - 1, None)
