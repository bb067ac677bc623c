"""Whatever is written to a dataset in whatever order, the draft is what was written and versions never change."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from types import SimpleNamespace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.command import Refusal
from commands.datasets.dataset import rows_stream
from commands.datasets.messages import (
    AddDatasetRows,
    Cell,
    ChangeDatasetRow,
    ChangeDatasetSchema,
    ClearDatasetRows,
    CreateDataset,
    CreateDatasetVersion,
    DatasetRowMissing,
    DatasetRowsRefused,
    GivenField,
    GivenRow,
    RemoveDatasetRows,
)
from cozeloop.contents import digest_for, facts_for
from cozeloop.handling import Issued
from events.datasets import DatasetRowsAdded, DatasetVersionCreated, Spec
from projections.datasets.datasets import get_dataset
from projections.datasets.rows import list_rows, version_items, version_page, version_rows
from projections.datasets.versions import get_version
from tests.in_memory import InMemory

SPACE, DATASET = "70", "500"
ROOM = 6

keys = st.sampled_from(["", "", "a", "b", "c"])
texts = st.sampled_from(["1", "2", "3"])
places = st.integers(0, 3)
seldom = st.integers(0, 4).map(lambda n: n == 0)
add = st.tuples(st.just("add"), st.lists(st.tuples(keys, texts), min_size=1, max_size=3), st.just(True), st.just(True))
steps = st.one_of(
    add,
    add,
    st.tuples(st.just("add"), st.lists(st.tuples(keys, texts | st.just("wrong")), max_size=4), seldom, seldom),
    st.tuples(st.just("change"), places, texts),
    st.tuples(st.just("remove"), st.lists(places, min_size=1, max_size=2)),
    st.tuples(st.just("version")),
    st.tuples(st.just("version")),
    st.one_of(st.tuples(st.just("clear")), st.tuples(st.just("schema"), st.sampled_from(["n", "m"]))),
)


class World:
    """A dataset behind the real handler and facts, and beside it a plain dict: item id -> (key, text)."""

    def __init__(self):
        self.memory = InMemory()
        self.platform = self.memory.platform
        self.edge = SimpleNamespace(platform=self.platform, ask=self.platform.database.read)
        self.draft: dict[str, tuple[str, str]] = {}
        self.versions: dict[str, dict[str, tuple[str, str]]] = {}
        self.issued = 0

    async def issue(self, command, prepare=None):
        self.issued += 1
        return await self.platform.handle(command, Issued("7", f"{self.issued:032x}"), prepare)

    async def begin(self):
        await self.issue(
            CreateDataset(
                space_id=SPACE,
                dataset_id=DATASET,
                schema_id="501",
                name="d",
                name_reservation="aa",
                fields=(GivenField(key="n", name="n", text_schema='{"type":"integer"}'),),
                spec=Spec(max_items=ROOM, max_fields=5, max_item_bytes=1000),
            )
        )

    async def step(self, kind, *args):
        await getattr(self, kind)(*args)
        await self.check()

    async def add(self, given, skip, partial):
        ids = self.platform.ids.block(len(given))
        command = AddDatasetRows(
            space_id=SPACE,
            dataset_id=DATASET,
            rows=tuple(GivenRow(item_id=i, item_key=k, cells=cell(t)) for i, (k, t) in zip(ids, given, strict=True)),
            skip_invalid=skip,
            allow_partial=partial,
        )
        keys = [key for key, _ in given if key]
        standing = {key for key, _ in self.draft.values()}
        new = [(i, k or i, t) for i, (k, t) in zip(ids, given, strict=True) if k not in standing]
        good = [each for each in new if each[2] != "wrong"]
        room = ROOM - len(self.draft)
        refused = not given or len(keys) != len(set(keys)) or (len(good) < len(new) and not skip)
        try:
            receipt = await self.issue(command, facts_for(self.edge))
        except DatasetRowsRefused:
            assert refused or not good[:room]
            return
        except Refusal:
            assert refused or len(good) > room
            return
        assert not refused
        assert len(good) <= room or partial
        added = receipt.one(DatasetRowsAdded)
        assert [(r.item_id, r.item_key) for r in (added.rows if added else ())] == [(i, k) for i, k, _ in good[:room]]
        self.draft |= {i: (k, t) for i, k, t in good[:room]}

    async def change(self, place, text):
        item_id = self.nth(place)
        command = ChangeDatasetRow(space_id=SPACE, dataset_id=DATASET, row=GivenRow(item_id=item_id, cells=cell(text)))
        try:
            receipt = await self.issue(command, facts_for(self.edge))
        except DatasetRowMissing:
            assert item_id not in self.draft
            return
        key, before = self.draft[item_id]
        assert bool(receipt.events) == (text != before)
        self.draft[item_id] = (key, text)

    async def remove(self, places):
        ids = [self.nth(place) for place in places]
        command = RemoveDatasetRows(space_id=SPACE, dataset_id=DATASET, item_ids=tuple(ids))
        try:
            await self.issue(command, facts_for(self.edge))
        except Refusal:
            assert not ids
        for item_id in ids:
            self.draft.pop(item_id, None)

    async def clear(self):
        await self.issue(ClearDatasetRows(space_id=SPACE, dataset_id=DATASET), facts_for(self.edge))
        self.draft = {}

    async def schema(self, name):
        fields = (GivenField(key="n", name=name, text_schema='{"type":"integer"}'),)
        (schema_id,) = self.platform.ids.block(1)
        await self.issue(ChangeDatasetSchema(space_id=SPACE, dataset_id=DATASET, schema_id=schema_id, fields=fields))

    async def version(self):
        command = CreateDatasetVersion(
            space_id=SPACE,
            dataset_id=DATASET,
            version_id=self.platform.ids.new(),
            version=f"0.0.{len(self.versions) + 1}",
        )
        receipt = await self.issue(command, digest_for(self.edge))
        created = receipt.one(DatasetVersionCreated)
        self.versions[created.version_id] = dict(self.draft)

    def nth(self, place):
        ids = list(self.draft)
        return ids[place] if place < len(ids) else "9"

    async def check(self):
        ask = self.edge.ask
        dataset = await ask(get_dataset, DATASET)
        assert dataset["item_count"] == len(self.draft)
        tail = (await self.platform.log.load([rows_stream(SPACE, DATASET)], None, lambda s, e: s)).tails
        assert dataset["revision"] == tail[str(rows_stream(SPACE, DATASET))].version, "each event is one revision"
        await self.reads(None, self.draft)
        for version_id, snapshot in self.versions.items():
            version = await ask(get_version, version_id)
            assert version["item_count"] == len(snapshot)
            rows = await ask(version_rows, DATASET, version["revision"])
            lines = [f"{r['item_id']}:{r['hash']}\n" for r in sorted(rows, key=lambda r: int(r["item_id"]))]
            assert version["digest"] == sha256("".join(lines).encode()).hexdigest()
            await self.reads(version["revision"], snapshot)

    async def reads(self, revision, expected):
        """However the rows at a revision are asked for, they are the expected ones in the order of creation."""
        found = await self.edge.ask(version_rows, DATASET, revision)
        assert {r["item_id"]: (r["item_key"], text(r)) for r in found} == expected
        assert [r["item_id"] for r in found] == list(expected)
        if found:
            after = await self.edge.ask(version_rows, DATASET, revision, found[0]["ordinal"], 2)
            assert after == found[1:3]
        assert await self.edge.ask(version_page, DATASET, revision, 1, 3) == found[1:4]
        places = [(r["item_id"], r["position"], r["page_offset"]) for r in found]
        assert await self.edge.ask(version_items, DATASET, revision) == places
        for _, position, offset in places:
            [recorded] = await self.platform.log.read_all(position - 1, 1)
            assert recorded.event.rows[offset].item_id in expected, "a row is where the read model says"
        newest = await self.edge.ask(list_rows, DATASET, revision, "updated_at", False, 50)
        assert [r["added"] for r in newest] == sorted((r["added"] for r in found), reverse=True)


def cell(value):
    return (Cell(key="n", content={"text": value}),)


def text(row):
    return orjson.loads(row["content"])["n"]["text"]


@given(st.lists(steps, min_size=8, max_size=16))
@settings(max_examples=50, deadline=None)
def test_the_draft_is_what_was_written_and_every_version_reads_the_same_rows_for_ever(history):
    async def run():
        world = World()
        await world.begin()
        for step in history:
            await world.step(*step)
        assert len(world.versions) == sum(kind == "version" for kind, *_ in history)

    asyncio.run(run())
