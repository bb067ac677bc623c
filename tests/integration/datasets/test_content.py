"""Datasets on a real log: of the content only the last event is read, and large pages lie outside the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from commands import DECIDERS
from commands.datasets.messages import (
    AddDatasetRows,
    Cell,
    CreateDataset,
    CreateDatasetVersion,
    DeleteDataset,
    Facts,
    GivenField,
    GivenRow,
)
from cozeloop.handling import CommandHandler, Issued
from events import EVENTS
from events.datasets import DatasetRowsAdded, DatasetVersionCreated, Field, Spec
from infra.eventstore.jetstream_log import JetStreamLog
from tests.integration.conftest import HeldObjects

SPACE, DATASET = "70", "500"
SPEC = Spec(max_items=5000, max_fields=50, max_item_bytes=204_800)
PAGES = 30


class Process:
    """One process over the log: its own cache, its own handler."""

    def __init__(self, log: JetStreamLog) -> None:
        self.log = log
        self.handle = CommandHandler(log, DECIDERS, lambda: datetime(2025, 1, 1, tzinfo=UTC))
        self.issued = 0

    async def issue(self, command):
        self.issued += 1
        return await self.handle(command, Issued("7", f"{id(self):x}-{self.issued}"))

    async def create(self):
        fields = (GivenField(name="q"),)
        await self.issue(
            CreateDataset(
                space_id=SPACE,
                dataset_id=DATASET,
                schema_id="501",
                name="d",
                name_reservation="aa",
                fields=fields,
                spec=SPEC,
            )
        )

    async def add(self, first: int, count: int, text: str):
        rows = tuple(
            GivenRow(item_id=str(n), cells=(Cell(key="q", content={"text": f"{text}{n}"}),))
            for n in range(first, first + count)
        )
        digests = tuple(f"h{n}" for n in range(first, first + count))
        facts = Facts(schema_id="501", fields=(Field(key="q", name="q"),), spec=SPEC, digests=digests)
        return await self.issue(AddDatasetRows(space_id=SPACE, dataset_id=DATASET, rows=rows, facts=facts))


@pytest.fixture
def objects() -> HeldObjects:
    return HeldObjects()


@pytest.fixture
async def start(bench, keys, objects) -> AsyncIterator:
    logs = []

    async def started() -> Process:
        log = JetStreamLog(bench.connect, EVENTS, keys, objects)
        await log.open()
        logs.append(log)
        return Process(log)

    yield started
    for log in logs:
        await log.close()


async def test_a_cold_version_reads_the_definition_and_the_last_page_however_many_there_are(start):
    writer = await start()
    await writer.create()
    await writer.add(1, 2, "t")
    sent = {}
    for pages in (1, PAGES):
        for page in range(1, pages):
            await writer.add(10 * page, 2, "t")
        cold = await start()
        before = cold.log.requests.sent
        command = CreateDatasetVersion(
            space_id=SPACE, dataset_id=DATASET, version_id=f"6{pages}", version=f"{pages}.0.0"
        )
        created = (await cold.issue(command)).one(DatasetVersionCreated)
        sent[pages] = cold.log.requests.sent - before
        assert created.item_count == 2 * pages
        assert created.revision == pages if pages == 1 else created.revision == PAGES + 1
    assert sent[1] == sent[PAGES]


async def test_two_processes_agree_on_places_and_counts(start):
    one, other = await start(), await start()
    await one.create()
    ordinals = []
    for n, process in enumerate([one, other, other, one]):
        added = (await process.add(10 * n + 1, 3, "t")).one(DatasetRowsAdded)
        ordinals += [row.ordinal for row in added.rows]
    assert ordinals == list(range(12))
    assert added.totals.count == 12


async def test_a_page_beyond_the_messages_size_lies_in_the_object_store_sealed(start, objects):
    process = await start()
    await process.create()
    small = await process.add(1, 1, "canary")
    assert not objects.held
    await process.add(100, 10, "canary" * 10_000)
    [stored] = objects.held.values()
    assert b"canary" not in stored
    [found] = await (await start()).log.read_all(small.position, 1)
    assert found.event.rows[3].data["q"]["text"] == "canary" * 10_000 + "103"


async def test_after_a_delete_no_other_process_adds_a_row(start):
    one, other = await start(), await start()
    await one.create()
    await other.add(1, 1, "t")
    await one.issue(DeleteDataset(space_id=SPACE, dataset_id=DATASET))
    with pytest.raises(Exception, match="deleted"):
        await other.add(2, 1, "t")
