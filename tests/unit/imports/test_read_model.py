"""What the read models hold of imports after these events."""

from __future__ import annotations

import orjson

from events.datasets import (
    DatasetImportEnded,
    DatasetRowsImported,
    ErrorGroup,
    ImportProgress,
    Row,
    RowError,
    Totals,
)
from events.event import Erased, Stream
from events.imports import ImportBegun, ImportCancelled, ImportCompleted, ImportFailed, ImportRequested, Mapping
from projections.datasets.rows import DATASET_ROWS, version_rows
from projections.imports.imports import (
    IMPORTS,
    Status,
    count_unfinished,
    get_import,
    list_imports,
    unfinished_imports,
)
from tests.projected import Projected

CONTENT = Stream("70", "datasets", "500", "rows")


def own(job_id: str) -> Stream:
    return Stream("70", "imports", job_id)


def requested(job_id: str = "900", **more: object) -> ImportRequested:
    given = {
        "job_id": job_id,
        "dataset_id": "500",
        "format": "csv",
        "size": 9,
        "overwrite": True,
        "path": "a.csv",
        "mappings": (Mapping(source="q", target="question"),),
    }
    return ImportRequested(**given | more)  # type: ignore[arg-type]


def begun() -> ImportBegun:
    return ImportBegun(job_id="900", dataset_id="500", total=10, encoding="gb18030")


def page(**more: object) -> DatasetRowsImported:
    row = Row(item_id="1", item_key="1", ordinal=0, digest="h", data={}, created_by="7", created_at=5)
    group = ErrorGroup(type=5, count=2, details=(RowError(index=1, message="line 3: no JSON"),))
    given = {
        "dataset_id": "500",
        "schema_id": "501",
        "job_id": "900",
        "progress": ImportProgress(rows=3, added=1, refused=2),
        "rows": (row,),
        "errors": (group,),
        "totals": Totals(revision=1, count=1, ever=1),
    }
    return DatasetRowsImported(**given | more)  # type: ignore[arg-type]


def ended() -> DatasetImportEnded:
    return DatasetImportEnded(dataset_id="500", job_id="900", totals=Totals(revision=2, count=1, ever=1))


def test_an_import_is_shown_with_how_far_it_has_come() -> None:
    model = Projected(IMPORTS).happened(own("900"), requested()).happened(own("900"), begun())
    model.happened(CONTENT, page()).happened(own("900"), ImportCompleted(job_id="900", dataset_id="500"))
    model.happened(CONTENT, ended()).then_rows(
        {"status": Status.COMPLETED, "total": 10, "rows_read": 3, "added": 1, "refused": 2, "encoding": "gb18030"}
    )
    row = model.query(get_import, "900")
    assert row is not None and row["space_id"] == "70"
    assert row["created_at"] < row["started_at"] < row["ended_at"]
    assert orjson.loads(row["errors"]) == [
        {"type": 5, "count": 2, "details": [{"index": 1, "message": "line 3: no JSON"}]}
    ]


def test_imports_are_listed_newest_first_and_by_status() -> None:
    model = Projected(IMPORTS)
    for job_id in ("900", "901", "902"):
        model.happened(own(job_id), requested(job_id))
    model.happened(own("900"), ImportCancelled(job_id="900", dataset_id="500"))
    model.happened(own("901"), ImportFailed(job_id="901", dataset_id="500", type=5, reason="bad"))
    assert [r["job_id"] for r in model.query(list_imports, "500")] == ["902", "901", "900"]
    assert [r["fault"] for r in model.query(list_imports, "500", [Status.FAILED])] == ["bad"]
    assert model.query(list_imports, "501") == []
    assert model.query(unfinished_imports) == ["902"]
    assert (model.query(count_unfinished, "70"), model.query(count_unfinished, "71")) == (1, 0)


def test_imported_rows_are_rows_of_the_dataset() -> None:
    model = Projected(DATASET_ROWS).happened(CONTENT, page())
    assert [r["item_id"] for r in model.query(version_rows, "500", None)] == ["1"]


def test_what_was_erased_is_shown_as_nothing() -> None:
    model = Projected(IMPORTS).happened(own("900"), requested(path=Erased(), mappings=Erased()))
    model.happened(CONTENT, page(rows=Erased(), errors=Erased()))
    model.happened(own("900"), ImportFailed(job_id="900", dataset_id="500", type=5, reason=Erased()))
    model.then_rows({"path": "", "mappings": "[]", "errors": "[]", "fault": "", "added": 1})
