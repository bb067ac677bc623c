"""The end of a stream is taken off: what is left is what was there, and writing goes on behind it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from infra.messaging.cutting import StoreNotUnderstood, cut_files, cut_since
from infra.messaging.server import NatsServer
from infra.messaging.streams import ensure_streams
from infra.nats.connecting import ask
from tests.integration.conftest import Bench

MESSAGES, LARGE = 270, 90_000
"""So many that the log fills several files, of 8 MiB each."""
Message = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def whole_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Message]]:
    """A stopped log and what is in it."""
    store = tmp_path_factory.mktemp("whole") / "nats"
    return store, asyncio.run(filled(store, MESSAGES))


async def filled(store: Path, messages: int) -> list[Message]:
    """A log of so many messages, stopped; what each was."""
    async with NatsServer(store, synced=False) as server:
        bench = Bench(server)
        await bench.set_up()
        js = (nc := await bench.admin()).jetstream()
        for n in range(messages):
            await js.publish(f"events.1.x.{n % 7}", bytes([n % 251]) * LARGE, headers={"n": str(n)})
        found = await held(bench)
        await nc.close()
    return found


async def held(bench: Bench) -> list[Message]:
    """Every message with its time."""
    nc = await bench.admin()
    state = (await ask(nc, "$JS.API.STREAM.INFO.EVENTS"))["state"]
    js = nc.jetstream()
    found = [await js.get_msg("EVENTS", n) for n in range(1, state["last_seq"] + 1)]
    await nc.close()
    return [(m.seq, str(m.time), m.data) for m in found]


@pytest.mark.parametrize("last", [1, 92, 93, 94, 186, 270])
async def test_a_log_that_is_cut_ends_there_with_the_messages_and_times_of_before(
    tmp_path: Path, last: int, whole_log: tuple[Path, list[Message]]
) -> None:
    source, before = whole_log
    store = shutil.copytree(source, tmp_path / "cut")
    cut_files(store, "EVENTS", last)
    async with NatsServer(store) as server:
        bench = Bench(server)
        assert await held(bench) == before[:last]
        nc = await bench.admin()
        await ensure_streams(nc)
        assert (await nc.jetstream().publish("events.1.x.new", b"next")).seq == last + 1
        await nc.close()
    async with NatsServer(store) as server:
        assert len(await held(Bench(server))) == last + 1


def test_files_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreNotUnderstood, match="holds 0 streams"):
        cut_files(tmp_path, "EVENTS", 1)
    folder = tmp_path / "js" / "jetstream" / "$G" / "streams" / "EVENTS" / "msgs"
    folder.mkdir(parents=True)
    for strange in (b"short", b"\0" * 100, b"\xff" * 100):
        (folder / "1.blk").write_bytes(strange)
        with pytest.raises(StoreNotUnderstood):
            cut_files(tmp_path, "EVENTS", 1)
        assert (folder / "1.blk").read_bytes() == strange


async def test_drafts_newer_than_a_time_are_gone_and_their_revisions_are_not_given_out_again(bench: Bench) -> None:
    nc = await bench.admin()
    js = nc.jetstream()
    for n in range(120):
        await js.publish(f"drafts.1.prompts.{n % 2}", b"%d" % n)
    time = (await js.get_msg("DRAFTS", 60)).time
    assert await cut_since(nc, "DRAFTS", time) == 60
    left = await ask(nc, "$JS.API.STREAM.INFO.DRAFTS")
    assert left["state"]["last_seq"] == 120
    assert (await js.get_last_msg("DRAFTS", "drafts.1.prompts.1")).data == b"59"
    assert (await js.publish("drafts.1.prompts.1", b"again")).seq == 121
    assert await cut_since(nc, "DRAFTS", (await js.get_msg("DRAFTS", 121)).time) == 0
    await nc.close()
