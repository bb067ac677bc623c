"""Imports: what may be asked for, and that every page is added once, in its turn, and never behind the end."""

from __future__ import annotations

import pytest

from commands.command import To
from commands.datasets.dataset import rows_stream
from commands.datasets.import_messages import (
    AddImportedRows,
    BeginImport,
    EndImport,
    ImportMappingInvalid,
    ImportOver,
    ImportPagePassed,
    RequestImport,
    SoFar,
)
from commands.datasets.messages import (
    Cell,
    DatasetClosed,
    DatasetMissing,
    DatasetRowCountInvalid,
    Facts,
    GivenRow,
    StandingRow,
)
from events.datasets import (
    DatasetCleared,
    DatasetContentClosed,
    DatasetImportEnded,
    DatasetRowsImported,
    ErrorGroup,
    Field,
    ImportProgress,
    RefusedRow,
    RowError,
    Spec,
    Totals,
)
from events.imports import (
    ImportBegun,
    ImportCancelled,
    ImportCompleted,
    ImportFailed,
    ImportRequested,
    Mapping,
)
from tests.specification import given

SPACE, JOB, SET = "70", "900", "500"
NAMES = {"space_id": SPACE, "job_id": JOB, "dataset_id": SET}
FIELDS = (
    Field(key="q", name="question", is_required=True),
    Field(key="a", name="answer", text_schema='{"type": "integer"}'),
    Field(key="i", name="image", content_type="Image"),
    Field(key="o", name="old", status="deleted"),
)
QUESTION = Mapping(source="q", target="question")
REQUESTED = ImportRequested(
    job_id=JOB, dataset_id=SET, format="csv", size=9, overwrite=False, path="a.csv", mappings=(QUESTION,)
)
BEGUN = ImportBegun(job_id=JOB, dataset_id=SET, total=10, encoding="utf-8")
OVER = ImportCompleted(job_id=JOB, dataset_id=SET)
CONTENT = rows_stream(SPACE, SET)


def ask(*mappings: Mapping) -> RequestImport:
    return RequestImport(**NAMES, format="csv", path="a.csv", size=9, mappings=mappings, fields=FIELDS)


def end(outcome: str = "completed", **more: object) -> EndImport:
    return EndImport(**NAMES, outcome=outcome, **more)  # type: ignore[arg-type]


def so_far(rows: int = 0, added: int = 0, *errors: ErrorGroup, over: bool = False, full: bool = False) -> SoFar:
    progress = ImportProgress(rows=rows, added=added, refused=rows - added, full=full)
    return SoFar(progress=progress, errors=errors, over=over)


def page(*texts: str, first: int = 0, known: SoFar | None = None, room: int = 100, **more: object) -> AddImportedRows:
    rows = tuple(
        GivenRow(item_id=str(600 + first + n), cells=(Cell(name="question", content=text(t)),))
        for n, t in enumerate(texts)
    )
    spec = Spec(max_items=room, max_fields=9, max_item_bytes=500)
    facts = Facts(schema_id="501", fields=FIELDS, spec=spec, digests=tuple(f"h{t}" for t in texts))
    places = tuple(range(first, first + len(texts)))
    given_ = {"first": first, "read": len(texts), "total": 10, "rows": rows, "places": places, "facts": facts}
    return AddImportedRows(**NAMES, **{**given_, "so_far": known or so_far(first, first), **more})  # type: ignore[arg-type]


def text(value: str) -> dict[str, str]:
    return {"content_type": "Text", "text": value}


def stored(rows: int = 2, count: int = 2, revision: int = 1) -> DatasetRowsImported:
    progress = ImportProgress(rows=rows, added=rows, refused=0)
    totals = Totals(revision=revision, count=count, ever=count)
    return DatasetRowsImported(
        dataset_id=SET, schema_id="501", job_id=JOB, progress=progress, rows=(), errors=(), totals=totals
    )


def test_an_import_is_asked_for_with_text_fields() -> None:
    given().when(ask(QUESTION)).then(REQUESTED)


@pytest.mark.parametrize(
    ("mappings", "naming"),
    [
        ([], "field_mappings"),
        ([("q", "unknown")], "field_mappings.0.target"),
        ([("q", "old")], "'old'"),
        ([("q", "image")], "Image"),
        ([("q", "question"), ("r", "question")], "field_mappings.1.target"),
        ([("", "question")], "field_mappings.0.source"),
        ([("x" * 257, "question")], "field_mappings.0.source"),
        ([("x", "question")] * 201, "field_mappings"),
    ],
)
def test_mappings_that_fill_no_text_field_once_are_refused(mappings: list[tuple[str, str]], naming: str) -> None:
    asked = [Mapping(source=s, target=t) for s, t in mappings]
    given().when(ask(*asked)).then_refused(ImportMappingInvalid, naming)


def test_an_import_begins_once() -> None:
    begin = BeginImport(**NAMES, total=10, encoding="utf-8")
    given(REQUESTED).when(begin).then(BEGUN).when(begin).then_nothing_happened()
    given(REQUESTED, OVER).when(begin).then_refused(ImportOver)
    given().when(begin).then_refused(ImportOver)


def test_an_end_is_written_to_the_content_as_well_and_only_once() -> None:
    marker = DatasetImportEnded(dataset_id=SET, job_id=JOB, totals=Totals(revision=2, count=2, ever=2))
    after = given(REQUESTED, BEGUN, To(CONTENT, stored())).when(end()).then(OVER, To(CONTENT, marker))
    after.when(end("cancelled")).then_nothing_happened()
    failed = ImportFailed(job_id=JOB, dataset_id=SET, type=5, reason="why")
    given(REQUESTED).when(end("failed", type=5, reason="why")).then(
        failed, To(CONTENT, marker.model_copy(update={"totals": Totals(revision=1)}))
    )
    given().when(end()).then_refused(ImportOver)


def test_the_end_of_an_import_into_a_deleted_dataset_is_its_own_alone() -> None:
    closed = DatasetContentClosed(dataset_id=SET, totals=Totals(revision=2, closed=True))
    cancelled = ImportCancelled(job_id=JOB, dataset_id=SET)
    given(REQUESTED, To(CONTENT, closed)).when(end("cancelled")).then(cancelled)


def test_a_page_says_how_far_the_import_has_come() -> None:
    (event,) = given(stored()).when(page("x", "y", first=2)).events
    assert isinstance(event, DatasetRowsImported)
    assert event.progress == ImportProgress(rows=4, added=4, refused=0)
    assert event.totals == Totals(revision=2, count=4, ever=4)
    assert [(r.item_id, r.ordinal, r.index, r.data) for r in event.rows] == [
        ("602", 2, 2, {"q": text("x")}),
        ("603", 3, 3, {"q": text("y")}),
    ]


@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_page_that_is_not_next_is_refused(first: int) -> None:
    given(stored()).when(page("x", first=first, known=so_far(2, 2))).then_refused(ImportPagePassed)


def test_no_page_follows_the_end() -> None:
    given(stored()).when(page("x", first=2, known=so_far(2, 2, over=True))).then_refused(ImportOver)
    given(stored()).when(page("x", first=2, known=so_far(2, 2, full=True))).then_refused(ImportOver)
    given(stored()).when(page("x", so_far=None)).then_refused(ImportOver)
    closed = DatasetContentClosed(dataset_id=SET, totals=Totals(revision=2, closed=True))
    given(closed).when(page("x")).then_refused(DatasetClosed)
    given().when(page("x", facts=None)).then_refused(DatasetMissing)
    given().when(page("x", read=2)).then_refused(DatasetRowCountInvalid)


def test_rows_that_are_wrong_are_told_by_type_and_the_others_are_added() -> None:
    broken = RefusedRow(index=1, type=5, message="line 3: no JSON")
    wrong = GivenRow(item_id="700", cells=(Cell(name="answer", content=text("many")),))
    command = page("x", malformed=(broken,), read=3)
    facts = command.facts.model_copy(update={"digests": ("hx", "h")})  # type: ignore[union-attr]
    command = command.model_copy(update={"rows": (*command.rows, wrong), "places": (0, 2), "facts": facts})
    (event,) = given().when(command).events
    assert isinstance(event, DatasetRowsImported)
    assert event.progress == ImportProgress(rows=3, added=1, refused=2)
    assert [(g.type, g.count, g.details[0].index) for g in event.errors] == [(5, 1, 1), (7, 1, 2)]


def test_of_a_group_of_errors_ten_rows_are_told_one_by_one() -> None:
    known = so_far(2, 0, ErrorGroup(type=7, count=2, details=(RowError(index=0, message="a"),) * 2))
    (event,) = given().when(page(*[""] * 20, first=2, known=known)).events
    assert isinstance(event, DatasetRowsImported)
    [group] = event.errors
    assert (group.type, group.count, len(group.details)) == (7, 22, 10)


def test_a_page_without_a_good_row_is_stored_too() -> None:
    (event,) = given(stored()).when(page("", first=2)).events
    assert (event.rows, event.progress.rows, event.totals.count) == ((), 3, 2)


def test_a_full_dataset_ends_the_import_with_every_later_row_refused() -> None:
    (event,) = given(stored()).when(page("x", "y", "z", first=2, room=3)).events
    assert isinstance(event, DatasetRowsImported)
    assert event.progress == ImportProgress(rows=10, added=3, refused=7, full=True)
    [group] = event.errors
    assert (group.type, group.count) == (4, 7)
    assert (group.details[0].index, group.details[0].end_index) == (3, 9)


def test_what_just_fits_is_no_full_dataset_yet() -> None:
    (event,) = given(stored()).when(page("x", first=2, room=3)).events
    assert event.progress == ImportProgress(rows=3, added=3, refused=0)


def test_overwriting_ends_the_old_content_with_the_first_row_that_is_good() -> None:
    old = stored(count=90)
    nothing = given(old).when(page("", overwrite=True)).events
    assert [type(e) for e in nothing] == [DatasetRowsImported]
    cleared, event = given(old).when(page("x", overwrite=True, room=1)).events
    assert cleared == DatasetCleared(dataset_id=SET, totals=Totals(revision=2, count=0, ever=90))
    assert (event.totals, event.rows[0].ordinal) == (Totals(revision=3, count=1, ever=91), 90)
    later = given(old).when(page("x", first=5, known=so_far(5, 3), overwrite=True)).events
    assert [type(e) for e in later] == [DatasetRowsImported]


def test_a_key_that_the_draft_holds_is_not_taken_twice() -> None:
    command = page("x")
    stands = StandingRow(item_id="1", item_key="600", ordinal=0, digest="h", created_by="8", created_at=5)
    facts = command.facts.model_copy(update={"standing": (stands,)})  # type: ignore[union-attr]
    (event,) = given(stored()).when(command.model_copy(update={"facts": facts})).events
    assert (event.rows, event.errors[0].type) == ((), 100)
