"""The questions asked of datasets answer the same on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from cozeloop.projecting import Projection
from events.datasets import (
    DatasetCreated,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsRemoved,
    DatasetVersionCreated,
    Field,
    Row,
    Spec,
    Totals,
)
from events.event import Stream
from infra.sql import open_database
from projections.datasets import READ_MODELS
from projections.datasets.datasets import DatasetFilter, get_dataset, list_datasets
from projections.datasets.hashes import hash_lines
from projections.datasets.rows import (
    get_rows,
    list_rows,
    rows_by_key,
    version_items,
    version_page,
    version_rows,
)
from projections.datasets.versions import get_version, list_versions
from tests.databases import KINDS, fresh_database
from tests.projected import History
from tests.read_models import HeldLog

NAMES = ("Abc", "abc ", "ábc", "50%_off", "😀", "😁")


def row(n: int, text: str) -> Row:
    return Row(
        item_id=str(n),
        item_key=f"{'K' if n % 2 else 'k'}{n // 2}",
        ordinal=n,
        digest=text.encode().hex(),
        data={"q": {"content_type": "Text", "text": text}},
        created_by="7",
        created_at=n,
    )


def totals(revision: int, count: int) -> Totals:
    return Totals(revision=revision, count=count, ever=10)


def happened() -> History:
    history = History()
    for n, name in enumerate(NAMES):
        created = DatasetCreated(
            dataset_id=str(500 + n),
            category="evaluation",
            name=name,
            description="",
            biz_category="",
            name_reservation="aa",
            schema_id="501",
            fields=(Field(key="q", name="😀"),),
            spec=Spec(max_items=9, max_fields=2, max_item_bytes=200),
        )
        history.happened(Stream("70", "datasets", str(500 + n)), created)
    content = Stream("70", "datasets", "500", "rows")
    page = tuple(row(n, f"t{n}") for n in range(10))
    history.happened(
        content,
        DatasetRowsAdded(dataset_id="500", schema_id="501", rows=page, kept=(), refused=(), totals=totals(1, 10)),
        DatasetRowsRemoved(dataset_id="500", item_ids=("3",), totals=totals(2, 9)),
        DatasetRowsChanged(dataset_id="500", schema_id="501", rows=(row(5, "ü😀\n"),), totals=totals(3, 9)),
    )
    ids = tuple(row(n, "") for n in (9, 10, 100, 99, 101, 8))
    other = DatasetRowsAdded(
        dataset_id="501", schema_id="501", rows=ids, kept=(), refused=(), totals=Totals(revision=1, count=6, ever=6)
    )
    history.happened(Stream("70", "datasets", "501", "rows"), other)
    version = DatasetVersionCreated(
        dataset_id="500",
        version_id="600",
        version="1.0.0",
        number=1,
        description="",
        revision=1,
        item_count=10,
        digest="dd",
        schema_id="501",
        fields=(),
    )
    history.happened(Stream("70", "datasets", "500"), version)
    return history


def hashes(conn: Connection, *args: Any) -> list[list[str]]:
    return list(hash_lines(conn, *args))


QUESTIONS = {
    "a set": (get_dataset, "500"),
    "sets by part of a name": (list_datasets, DatasetFilter("70", "ABC"), "created_at", True, 10),
    "no wildcard": (list_datasets, DatasetFilter("70", "0%_"), "created_at", True, 10),
    "one face of two": (list_datasets, DatasetFilter("70", "😀"), "created_at", True, 10),
    "the second page": (list_datasets, DatasetFilter("70"), "updated_at", False, 2, 2),
    "by creators and ids": (list_datasets, DatasetFilter("70", "", ["1"], ["501", "9"]), "created_at", True, 10),
    "a version": (get_version, "600"),
    "versions": (list_versions, "500", "1.0", 5),
    "the draft": (version_rows, "500", None),
    "rows after a place": (version_rows, "500", 1, 4, 3),
    "a page of a version": (version_page, "500", 1, 2, 3),
    "places": (version_items, "500", 3),
    "newest first": (list_rows, "500", None, "updated_at", False, 3, 1),
    "after a cursor": (list_rows, "500", None, "updated_at", False, 3, 0, (1, 7)),
    "by id, some left out": (list_rows, "500", None, "item_id", True, 9, 0, None, ["0", "1"]),
    "keys are exact": (rows_by_key, "500", 1, ["k1", "k1 ", "kK1", "ḱ1"]),
    "rows by id": (get_rows, "500", 2, ["5", "3", "1"]),
    "hashes": (hashes, "500", 2),
    "hashes in the order of numbers": (hashes, "501", None, 2),
}


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.database(kind)) for kind in KINDS])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with fresh_database(request.param, tmp_path) as url:
        yield url


async def answers(url: str) -> dict[str, object]:
    recorded = happened().recorded
    database = open_database(url)
    try:
        projection = Projection(database, READ_MODELS, HeldLog(recorded))
        await projection.open()
        await projection.apply(recorded)
        return {name: await database.read(query, *args) for name, (query, *args) in QUESTIONS.items()}
    finally:
        await database.close()


async def test_every_question_has_the_same_answer_on_every_database(address):
    found, expected = await answers(address), await answers("sqlite://")
    for name, answer in expected.items():
        assert found[name] == answer, name
    assert [d["name"] for d in found["sets by part of a name"][0]] == ["Abc", "abc "]
    assert [d["name"] for d in found["no wildcard"][0]] == ["50%_off"]
    assert [d["name"] for d in found["one face of two"][0]] == ["😀"]
    assert [r["item_id"] for r in found["keys are exact"]] == ["2"]
    assert [r["item_id"] for r in found["newest first"]] == ["9", "8", "7"]
    assert [r["item_id"] for r in found["after a cursor"]] == ["6", "4", "2"]
    assert found["hashes"][0][:2] == ["0:7430", "1:7431"]
    assert found["hashes in the order of numbers"] == [["8:", "9:"], ["10:", "99:"], ["100:", "101:"]]
