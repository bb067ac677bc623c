"""O1, O2: copies of states are disposable. With or without them a load gives the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from commands.prompts.prompt import UNBORN, evolve, prompt_stream
from events import EVENTS
from events.event import Erased
from events.prompts import PromptRenamed
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Append, Tail
from infra.eventstore.snapshots import TABLE, Snapshots
from infra.sql import open_database
from tests.integration.eventstore.conftest import meta

PROMPT, OTHER = prompt_stream("7", "5"), prompt_stream("8", "6")


@pytest.fixture
async def database(tmp_path: Path):
    made = open_database(f"sqlite:///{tmp_path}/read.db")
    yield made
    await made.close()


class Copying:
    """Processes on one log and one database, each with a cache of its own."""

    def __init__(self, bench, keys, objects, database):
        self.bench, self.keys, self.objects, self.database = bench, keys, objects, database
        self.logs = []

    async def process(self, code="1", after=10, copies=True) -> JetStreamLog:
        snapshots = Snapshots(self.database, self.keys, code, after) if copies else None
        log = JetStreamLog(self.bench.connect, EVENTS, self.keys, self.objects, snapshots=snapshots)
        await log.open()
        self.logs.append(log)
        return log

    async def rows(self) -> int:
        return await self.database.read(lambda conn: conn.scalar(select(func.count()).select_from(TABLE)))

    async def scratch(self, stream=PROMPT):
        """What a process without copies loads."""
        return await load(await self.process(copies=False), stream)


@pytest.fixture
async def copying(bench, keys, objects, database):
    made = Copying(bench, keys, objects, database)
    yield made
    for log in made.logs:
        await log.close()


async def load(log, stream=PROMPT, fresh=False):
    return await log.load([stream], UNBORN, evolve, fresh=fresh)


async def happened(log, count, stream=PROMPT, first=0):
    for n in range(first, first + count):
        loaded = await load(log, stream)
        event = PromptRenamed(prompt_id=stream.id, name=f"name {n}", description="typed")
        await log.append([Append(stream, [event])], loaded.tails, meta(f"c{n}", digest=f"d{n}"))


async def flush(log):
    await log._snapshots.flush()


async def read_events(log, monkeypatch) -> list[int]:
    """How many events each page of a load holds, from now on."""
    sizes: list[int] = []
    page = log.reader.page

    async def counted(*asked):
        found = await page(*asked)
        sizes.append(len(found[0]))
        return found

    monkeypatch.setattr(log.reader, "page", counted)
    return sizes


async def test_a_long_stream_is_read_from_its_copy_on_and_gives_the_same(copying, monkeypatch):
    first = await copying.process()
    await happened(first, 25)
    await flush(first)
    await happened(first, 3, first=25)
    cold = await copying.process()
    sizes = await read_events(cold, monkeypatch)
    assert await load(cold) == await copying.scratch()
    assert sum(sizes) == 3
    await happened(cold, 1, first=28)
    assert (await load(cold, fresh=True)).tails == (await copying.scratch()).tails


async def test_a_cold_load_of_many_events_makes_a_copy(copying, monkeypatch):
    await happened(await copying.process(copies=False), 30)
    cold = await copying.process()
    await load(cold)
    await flush(cold)
    assert await copying.rows() == 1
    again = await copying.process()
    sizes = await read_events(again, monkeypatch)
    assert await load(again) == await copying.scratch()
    assert sum(sizes) == 0


async def test_a_short_stream_is_not_copied(copying):
    log = await copying.process()
    await happened(log, 9)
    await flush(log)
    assert await copying.rows() == 0


async def test_deleting_them_all_changes_nothing(copying):
    log = await copying.process()
    for stream in (PROMPT, OTHER):
        await happened(log, 30, stream)
    await flush(log)
    assert await copying.rows() == 2
    with_copies = [await load(await copying.process(), s) for s in (PROMPT, OTHER)]
    await log._snapshots.clear()
    assert await copying.rows() == 0
    assert [await load(await copying.process(), s) for s in (PROMPT, OTHER)] == with_copies


async def test_what_other_code_folded_is_forgotten(copying, monkeypatch):
    log = await copying.process(code="1")
    await happened(log, 30)
    await flush(log)
    changed = await copying.process(code="2")
    assert await copying.rows() == 0
    sizes = await read_events(changed, monkeypatch)
    assert await load(changed) == await copying.scratch()
    assert sum(sizes) == 30


@pytest.mark.parametrize("column", ["sealed", "id"])
async def test_a_copy_that_was_altered_or_moved_is_not_used(copying, column):
    log = await copying.process()
    for stream in (PROMPT, OTHER):
        await happened(log, 20, stream)
    await flush(log)

    def alter(conn):
        one, other = conn.execute(select(TABLE).order_by(TABLE.c.space)).mappings().all()
        conn.execute(update(TABLE).where(TABLE.c.id == one["id"]).values(sealed=other["sealed"]))

    def exchange(conn):
        one, other = conn.execute(select(TABLE).order_by(TABLE.c.space)).mappings().all()
        for id, to in ((one["id"], "x"), (other["id"], one["id"]), ("x", other["id"])):
            conn.execute(update(TABLE).where(TABLE.c.id == id).values(id=to))

    await copying.database.write(alter if column == "sealed" else exchange)
    cold = await copying.process()
    assert await load(cold) == await copying.scratch()


async def test_a_copy_of_another_history_is_not_used(copying, bench):
    """As after a restore: the log ends before the copy, or holds another event where it stands."""
    log = await copying.process()
    await happened(log, 20)
    await flush(log)
    truth = await copying.scratch()
    for tail in (Tail(30, 30, "ab"), Tail(20, 20, "ab"), Tail(5, 5, "ab")):
        key = (evolve, False, (PROMPT.name,))
        wrong = type(truth)(UNBORN, {PROMPT.name: tail}, {})
        log._snapshots._kept.clear()
        log._snapshots.consider(key, type(truth)(UNBORN, {PROMPT.name: Tail(40, 1, "")}, {}), 40)
        [id] = log._snapshots._waiting
        log._snapshots._waiting[id] = type(log._snapshots._waiting[id])(key, wrong, 40)
        await flush(log)
        assert await load(await copying.process()) == truth


async def test_a_copy_holds_no_plain_content_and_ends_with_its_key(copying, keys):
    log = await copying.process()
    for stream in (PROMPT, OTHER):
        await happened(log, 20, stream)
    await flush(log)
    sealed = await copying.database.read(lambda conn: list(conn.scalars(select(TABLE.c.sealed))))
    assert len(sealed) == 2
    assert not [s for s in sealed if "name 19" in s or "typed" in s]
    keys.destroy("7")
    cold = await copying.process()
    assert isinstance((await load(cold)).state.name, Erased)
    assert (await load(cold, OTHER)).state.name == "name 19"
    assert await cold._snapshots.remove("7") == 1
    assert await copying.rows() == 1
    await happened(cold, 0)
    await flush(cold)
    assert await copying.rows() == 1, "what has no key is not copied again"
