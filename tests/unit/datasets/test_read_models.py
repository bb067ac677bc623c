"""What the read models of datasets hold after these events."""

from __future__ import annotations

import pytest

from events.datasets import (
    DatasetCleared,
    DatasetContentClosed,
    DatasetContentSchemaSet,
    DatasetCreated,
    DatasetDeleted,
    DatasetRenamed,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsRemoved,
    DatasetSchemaChanged,
    DatasetVersionCreated,
    DatasetVersionPinned,
    Field,
    Row,
    Spec,
    Totals,
)
from events.event import Erased, Stream
from projections.datasets.datasets import DATASETS, DatasetFilter, get_dataset, list_datasets
from projections.datasets.hashes import hash_lines
from projections.datasets.rows import DATASET_ROWS, NEVER, get_rows, rows_by_key, version_rows
from projections.datasets.versions import DATASET_VERSIONS, get_version, list_versions
from tests.projected import Projected

OWN, CONTENT = Stream("70", "datasets", "500"), Stream("70", "datasets", "500", "rows")


def created(**changes):
    values = {
        "dataset_id": "500",
        "category": "evaluation",
        "name": "Große Sums",
        "description": "d",
        "biz_category": "",
        "name_reservation": "aa",
        "schema_id": "501",
        "fields": (Field(key="q", name="q"),),
        "spec": Spec(max_items=9, max_fields=2, max_item_bytes=200),
    }
    return DatasetCreated(**values | changes)


def row(item_id, ordinal, text="1", key=""):
    return Row(
        item_id=item_id,
        item_key=key or item_id,
        ordinal=ordinal,
        digest=f"h{text}",
        data={"q": {"content_type": "Text", "text": text}},
        created_by="7",
        created_at=5,
    )


def page(*rows, revision=1, count=0, type_=DatasetRowsAdded):
    values = {"dataset_id": "500", "schema_id": "501", "totals": Totals(revision=revision, count=count, ever=count)}
    more = {"kept": (), "refused": ()} if type_ is DatasetRowsAdded else {}
    return type_(rows=rows[0] if isinstance(rows[0], Erased) else rows, **values, **more)


def version(number=1, revision=1, count=2):
    return DatasetVersionCreated(
        dataset_id="500",
        version_id=f"60{number}",
        version=f"{number}.0.0",
        number=number,
        description="",
        revision=revision,
        item_count=count,
        digest="dd",
        schema_id="501",
        fields=(Field(key="q", name="q"),),
    )


@pytest.fixture
def read():
    return Projected(DATASETS, DATASET_VERSIONS, DATASET_ROWS).happened(OWN, created(), actor="7")


def test_a_set_counts_its_rows_and_knows_whether_they_are_in_a_version(read):
    read.happened(CONTENT, page(row("1", 0), row("2", 1), count=2), actor="8")
    read.then_rows({"item_count": 2, "revision": 1, "uncommitted": 1, "created_by": "7", "updated_by": "8"})
    read.happened(OWN, version())
    pinned = DatasetVersionPinned(dataset_id="500", version_id="601", revision=1, totals=Totals(revision=2, count=2))
    read.happened(CONTENT, pinned)
    read.then_rows({"uncommitted": 0, "latest_version": "1.0.0", "version_count": 1, "revision": 2})
    read.happened(CONTENT, DatasetCleared(dataset_id="500", totals=Totals(revision=3)))
    read.then_rows({"uncommitted": 1, "item_count": 0, "revision": 3})


def test_name_and_schema_are_the_last_ones(read):
    renamed = DatasetRenamed(dataset_id="500", name="New", description="e", name_reservation="bb")
    changed = DatasetSchemaChanged(dataset_id="500", schema_id="502", schema_revision=2, fields=())
    read.happened(OWN, renamed, changed)
    noted = DatasetContentSchemaSet(
        dataset_id="500", schema_id="502", schema_revision=2, totals=Totals(revision=1, count=0)
    )
    read.happened(CONTENT, noted)
    read.then_rows(
        {"name": "New", "description": "e", "schema_id": "502", "fields": [], "uncommitted": 1, "revision": 1}
    )


def test_a_deleted_set_is_kept_for_who_asks_for_deleted_ones(read):
    read.happened(OWN, DatasetDeleted(dataset_id="500"))
    read.happened(CONTENT, DatasetContentClosed(dataset_id="500", totals=Totals(revision=1, closed=True)))
    assert read.query(get_dataset, "500") is None
    assert read.query(get_dataset, "500", True)["name"] == "Große Sums"
    assert read.query(list_datasets, DatasetFilter("70"), "updated_at", False, 10) == ([], 0)


def test_names_are_found_without_case_and_without_wildcards(read):
    for name, found in (("GROSSE", 1), ("sums", 1), ("%", 0), ("_", 0), ("", 1)):
        assert read.query(list_datasets, DatasetFilter("70", name), "created_at", True, 10)[1] == found
    assert read.query(list_datasets, DatasetFilter("71"), "created_at", True, 10)[1] == 0


def hashes(conn, *args):
    return list(hash_lines(conn, *args))


def test_a_row_is_there_from_its_revision_until_it_goes(read):
    read.happened(CONTENT, page(row("1", 0), row("2", 1), count=2))
    read.happened(CONTENT, page(row("1", 0, "5"), revision=2, type_=DatasetRowsChanged))
    read.happened(CONTENT, DatasetRowsRemoved(dataset_id="500", item_ids=("2",), totals=Totals(revision=3, count=1)))
    read.then_rows_of(
        DATASET_ROWS,
        {"item_id": "1", "added": 1, "removed": 2, "hash": "h1", "position": 2, "page_offset": 0},
        {"item_id": "1", "added": 2, "removed": NEVER, "hash": "h5", "position": 3, "page_offset": 0},
        {"item_id": "2", "added": 1, "removed": 3, "hash": "h1", "position": 2, "page_offset": 1},
    )
    for revision, there in ((0, []), (1, ["1:h1", "2:h1"]), (2, ["1:h5", "2:h1"])):
        assert [line for page in read.query(hashes, "500", revision) for line in page] == there
    assert [r["item_id"] for r in read.query(version_rows, "500", None)] == ["1"]
    assert read.query(get_rows, "500", None, ["2", "1", "1"]) == read.query(version_rows, "500", 3)
    assert [r["item_id"] for r in read.query(rows_by_key, "500", 2, ["2", "9"])] == ["2"]


def test_another_sets_rows_are_never_seen(read):
    read.happened(CONTENT, page(row("1", 0), count=1))
    assert read.query(version_rows, "600", None) == []
    assert read.query(get_rows, "600", None, ["1"]) == []


def test_versions_stand_newest_first_and_by_part_of_their_name(read):
    read.happened(OWN, version(1), version(2), version(3))
    rows, total = read.query(list_versions, "500", "", 2)
    assert ([r["version"] for r in rows], total) == (["3.0.0", "2.0.0"], 3)
    assert [r["number"] for r in read.query(list_versions, "500", "", 2, 0, 2)[0]] == [1]
    assert [r["version"] for r in read.query(list_versions, "500", "2.", 9)[0]] == ["2.0.0"]
    assert read.query(get_version, "602")["fields"][0]["key"] == "q"
    assert read.query(get_version, "9") is None


def test_erased_content_leaves_ids_and_numbers():
    erased = {name: Erased() for name in ("name", "description", "biz_category", "fields")}
    read = Projected(DATASETS, DATASET_ROWS).happened(OWN, created(**erased))
    read.happened(CONTENT, page(Erased(), count=3), page(Erased(), revision=2, type_=DatasetRowsChanged))
    read.then_rows({"dataset_id": "500", "name": "", "fields": [], "revision": 2})
    read.then_rows_of(DATASET_ROWS)
