"""`verify` opens every batch of SPANS, names what it cannot read, and compares with the table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cozeloop.span_verdict import spans_verified
from infra.eventstore.connection import reading
from infra.eventstore.reading import Reader
from infra.messaging import verify_spans
from infra.messaging.spans import STREAM
from tests.integration.conftest import Bench, FixedKeys
from tests.integration.traces.conftest import Rig
from tests.unit.traces.spans import span


@pytest.fixture
async def reader(bench: Bench) -> AsyncIterator[Reader]:
    nc, events, _ = await reading(bench.connect)
    yield events.beside(STREAM)
    await nc.close()


async def verdict(reader: Reader, keys: FixedKeys, shown: int = 0) -> dict[str, Any]:
    """The last line."""

    async def stands() -> int:
        return shown

    return dict([line async for line in spans_verified(reader, keys, stands)][-1])


async def test_every_batch_is_opened_and_counted(rig: Rig, reader: Reader, keys: FixedKeys) -> None:
    await rig.put(span(), span())
    await rig.put(span(input="x" * 5_000_000))
    last = await rig.put(span(), space="71")
    found = await verdict(reader, keys, last)
    assert (found["batches"], found["spans"], found["problems"]) == (3, 4, [])
    assert found["since"] and found["table"] == "the trace table shows them"
    assert (await verdict(reader, keys, last - 2))["table"] == "the trace table is 2 positions behind"


async def test_an_empty_stream_has_nothing_to_tell(reader: Reader, keys: FixedKeys) -> None:
    found = await verdict(reader, keys)
    assert (found["batches"], found["since"], found["problems"]) == (0, "", [])


async def test_a_batch_that_was_altered_moved_or_never_was_one_is_named(
    rig: Rig, reader: Reader, keys: FixedKeys, bench: Bench
) -> None:
    await rig.put(span())
    nc = await bench.connect()
    js = nc.jetstream()
    whole = await js.get_msg(STREAM, 1)
    assert whole.data is not None
    sealed = {k: v for k, v in (whole.headers or {}).items() if k.startswith("span-")}
    await js.publish("spans.70", whole.data[:-1] + bytes([whole.data[-1] ^ 1]), headers=sealed)
    await js.publish("spans.71", whole.data, headers=sealed)
    await js.publish("spans.70", whole.data, headers={**sealed, "span-nonce": "no hex"})
    await js.publish("spans.70", b"{}")
    await nc.close()
    last = await rig.put(span())
    found = await verdict(reader, keys, last)
    assert (found["batches"], found["spans"]) == (6, 2)
    assert [p.partition(" of SPANS: ")[0] for p in found["problems"]] == [f"position {n}" for n in (2, 3, 4, 5)]
    assert "altered or moved" in found["problems"][0]


async def test_batches_of_an_erased_space_are_no_problem_there_or_gone(
    rig: Rig, reader: Reader, keys: FixedKeys
) -> None:
    for space in ("70", "71", "72", "70"):
        last = await rig.put(span(), space=space)
    keys.destroy("71")
    await rig.stream.purge("72")
    found = await verdict(reader, keys, last)
    assert (found["batches"], found["spans"], found["erased"], found["gone"]) == (3, 2, 1, 1)
    assert found["problems"] == []


async def test_a_table_that_has_seen_more_than_the_stream_holds_is_a_problem(
    rig: Rig, reader: Reader, keys: FixedKeys
) -> None:
    await rig.put(span())
    [problem] = (await verdict(reader, keys, 9))["problems"]
    assert problem == "SPANS ends at 1, the trace table has come to 9: its end is lost"


async def test_the_table_that_follows_is_compared_with(rig: Rig, reader: Reader, keys: FixedKeys) -> None:
    async with rig.projecting() as projector:
        await rig.shown(await rig.put(span()))
        found = [line async for line in spans_verified(reader, keys, projector.stands)][-1]
    assert found["table"] == "the trace table shows them"


async def test_it_stops_after_a_hundred_problems(
    reader: Reader, keys: FixedKeys, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_spans, "MOST_PROBLEMS", 3)
    nc = await bench.connect()
    await asyncio.gather(*(nc.jetstream().publish("spans.70", b"?") for _ in range(9)))
    await nc.close()
    assert (await verdict(reader, keys))["problems"][-1].startswith("more than")
