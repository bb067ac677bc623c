"""What is decided on a dataset's definition and content."""

from __future__ import annotations

import pytest

from commands.command import To
from commands.datasets.dataset import NAME, rows_stream
from commands.datasets.messages import (
    AddDatasetRows,
    Cell,
    ChangeDatasetRow,
    ChangeDatasetSchema,
    ClearDatasetRows,
    CreateDataset,
    CreateDatasetVersion,
    DatasetClosed,
    DatasetFieldInvalid,
    DatasetFull,
    DatasetMissing,
    DatasetNameTaken,
    DatasetRowCountInvalid,
    DatasetRowKeyInvalid,
    DatasetRowMissing,
    DatasetRowsRefused,
    DatasetRowTooLarge,
    DatasetSchemaIncompatible,
    DatasetVersionInvalid,
    DeleteDataset,
    Facts,
    GivenField,
    GivenRow,
    RemoveDatasetRows,
    RenameDataset,
    StandingRow,
)
from commands.reservations import claim, release
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
    KeptRow,
    RefusedRow,
    Row,
    Spec,
    Totals,
)
from events.event import Erased
from tests.specification import ACTOR, NOW, given

SPACE, ID = "70", "500"
SPEC = Spec(max_items=3, max_fields=2, max_item_bytes=200)
FIELD = Field(key="q", name="q")
CREATED = DatasetCreated(
    dataset_id=ID,
    category="evaluation",
    name="Sums",
    description="",
    biz_category="",
    name_reservation="aa",
    schema_id="501",
    fields=(FIELD,),
    spec=SPEC,
)
CLAIMED = claim(SPACE, NAME, "aa", ID)
CONTENT = rows_stream(SPACE, ID)
DATA = {"q": {"content_type": "Text", "text": "1"}}
AT = int(NOW.timestamp() * 1_000_000)


def created(**changes):
    fields = {"name": "Sums", "name_reservation": "aa", "fields": (GivenField(name="q"),)} | changes
    return CreateDataset(space_id=SPACE, dataset_id=ID, schema_id="501", spec=SPEC, **fields)


def renamed(**changes):
    return RenameDataset(space_id=SPACE, dataset_id=ID, **changes)


def schema(*fields):
    return ChangeDatasetSchema(space_id=SPACE, dataset_id=ID, schema_id="502", fields=fields)


def version(version, **changes):
    return CreateDatasetVersion(
        space_id=SPACE, dataset_id=ID, version_id="600", version=version, digest="dd", **changes
    )


def row(item_id, text="1", key="", field="q"):
    return GivenRow(item_id=item_id, item_key=key, cells=(Cell(key=field, content={"text": text}),))


def facts(*standing, fields=(FIELD,), spec=SPEC):
    return Facts(schema_id="501", fields=fields, spec=spec, standing=standing)


def stands(item_id, key="", digest="h1", ordinal=0):
    return StandingRow(
        item_id=item_id, item_key=key or item_id, ordinal=ordinal, digest=digest, created_by="8", created_at=5
    )


def digests(*rows):
    return {"digests": tuple(f"h{row.cells[0].content['text']}" for row in rows)}


def add(*rows, known=None, **flags):
    known = (known or facts()).model_copy(update=digests(*rows))
    return AddDatasetRows(space_id=SPACE, dataset_id=ID, rows=rows, facts=known, **flags)


def change(given_row, *standing):
    known = facts(*standing).model_copy(update=digests(given_row))
    return ChangeDatasetRow(space_id=SPACE, dataset_id=ID, row=given_row, facts=known)


def stored(item_id, ordinal, text="1", key="", index=0):
    return Row(
        item_id=item_id,
        item_key=key or item_id,
        ordinal=ordinal,
        digest=f"h{text}",
        data={"q": {"content_type": "Text", "text": text}},
        created_by=ACTOR,
        created_at=AT,
        index=index,
    )


def totals(revision, count, ever=None, closed=False):
    return Totals(revision=revision, count=count, ever=count if ever is None else ever, closed=closed)


def page(*rows, at, kept=(), refused=()):
    return DatasetRowsAdded(dataset_id=ID, schema_id="501", rows=rows, kept=kept, refused=refused, totals=at)


FULL = page(stored("1", 0), stored("2", 1), stored("3", 2), at=totals(1, 3))


# --- definition


def test_a_dataset_is_created_with_its_fields_and_the_claim_of_its_name():
    given().when(created()).then(CREATED, CLAIMED)


def test_a_name_that_another_holds_is_refused():
    given(claim(SPACE, NAME, "aa", "400")).when(created()).then_refused(DatasetNameTaken, "Sums")


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"name": "x" * 256}, {"description": "x" * 2049}, {"biz_category": "x" * 129}]
)
def test_what_a_dataset_is_called_has_its_limits(changes):
    given().when(created(**changes)).then_refused(DatasetFieldInvalid, next(iter(changes)))


def test_a_rename_claims_the_new_name_and_releases_the_old():
    given(CREATED).when(renamed(name="New", name_reservation="bb")).then(
        DatasetRenamed(dataset_id=ID, name="New", description="", name_reservation="bb"),
        claim(SPACE, NAME, "bb", ID),
        release(SPACE, NAME, "aa", ID),
    )


def test_another_description_leaves_the_name_claimed():
    given(CREATED).when(renamed(description="d")).then(
        DatasetRenamed(dataset_id=ID, name="Sums", description="d", name_reservation="aa")
    )


def test_the_same_name_again_changes_nothing():
    given(CREATED).when(renamed(name="Sums", name_reservation="aa")).then_nothing_happened()


def test_a_rename_to_a_name_that_another_holds_is_refused():
    given(CREATED, claim(SPACE, NAME, "bb", "400")).when(renamed(name="New", name_reservation="bb")).then_refused(
        DatasetNameTaken
    )


def test_a_dataset_whose_key_is_destroyed_can_still_be_deleted():
    erased = CREATED.model_copy(update={"name": Erased(), "description": Erased(), "fields": Erased()})
    given(erased).when(DeleteDataset(space_id=SPACE, dataset_id=ID)).then_happened(
        DatasetDeleted, DatasetContentClosed, type(release(SPACE, NAME, "aa", ID).event)
    )


def test_a_delete_closes_the_content_and_releases_the_name():
    given(CREATED, To(CONTENT, FULL)).when(DeleteDataset(space_id=SPACE, dataset_id=ID)).then(
        DatasetDeleted(dataset_id=ID),
        To(CONTENT, DatasetContentClosed(dataset_id=ID, totals=totals(2, 3, closed=True))),
        release(SPACE, NAME, "aa", ID),
    )


@pytest.mark.parametrize(
    "command", [DeleteDataset(space_id=SPACE, dataset_id=ID), renamed(name="x"), schema(), version("1.0.0")]
)
def test_nothing_is_asked_of_a_deleted_dataset(command):
    given(CREATED, DatasetDeleted(dataset_id=ID)).when(command).then_refused(DatasetMissing, ID)


def test_another_schema_is_noted_in_the_content():
    fields = (FIELD, Field(key="a", name="a"))
    given(CREATED, To(CONTENT, FULL)).when(schema(GivenField(key="q", name="q"), GivenField(name="a"))).then(
        DatasetSchemaChanged(dataset_id=ID, schema_id="501", schema_revision=2, fields=fields),
        To(
            CONTENT,
            DatasetContentSchemaSet(dataset_id=ID, schema_id="501", schema_revision=2, totals=totals(2, 3)),
        ),
    )


def test_a_schema_that_a_version_names_is_followed_by_one_with_an_id_of_its_own():
    history = given(CREATED).when(version("1.0.0")).then_happened(DatasetVersionCreated, DatasetVersionPinned)
    decided = history.when(schema(GivenField(name="a")))
    assert decided.events[0].schema_id == "502"
    assert [f.status for f in decided.events[0].fields] == ["available", "deleted"]


def test_the_same_schema_again_changes_nothing():
    given(CREATED).when(schema(GivenField(key="q", name="q"))).then_nothing_happened()


def test_a_field_changes_its_type_only_while_there_are_no_rows():
    image = schema(GivenField(key="q", name="q", content_type="Image"))
    given(CREATED, To(CONTENT, FULL)).when(image).then_refused(DatasetSchemaIncompatible, "q")
    cleared = DatasetCleared(dataset_id=ID, totals=totals(2, 0, 3))
    given(CREATED, To(CONTENT, FULL), To(CONTENT, cleared)).when(image).then_happened(
        DatasetSchemaChanged, DatasetContentSchemaSet
    )


def test_a_version_names_the_revision_count_and_digest_and_pins_the_content():
    given(CREATED, To(CONTENT, FULL)).when(version("1.0.0", description="first")).then(
        DatasetVersionCreated(
            dataset_id=ID,
            version_id="600",
            version="1.0.0",
            number=1,
            description="first",
            revision=1,
            item_count=3,
            digest="dd",
            schema_id="501",
            fields=(FIELD,),
        ),
        To(CONTENT, DatasetVersionPinned(dataset_id=ID, version_id="600", revision=1, totals=totals(2, 3))),
    )


@pytest.mark.parametrize("text", ["1.0", "v1.0.0", "01.0.0", "", "1.0.0-", "1.0.0", "1.0.0+build", "1.0.0-rc", "0.9.9"])
def test_a_version_is_a_semantic_version_above_the_last(text):
    history = given(CREATED).when(version("1.0.0")).then_happened(DatasetVersionCreated, DatasetVersionPinned)
    history.when(version(text)).then_refused(DatasetVersionInvalid, text)


@pytest.mark.parametrize("text", ["1.0.1", "1.1.0-alpha", "10.0.0"])
def test_a_version_above_the_last_is_taken(text):
    history = given(CREATED).when(version("1.0.0")).then_happened(DatasetVersionCreated, DatasetVersionPinned)
    history.when(version(text)).then_happened(DatasetVersionCreated, DatasetVersionPinned)


# --- content


def test_new_rows_are_one_page_with_places_that_go_on_from_the_last():
    removed = DatasetRowsRemoved(dataset_id=ID, item_ids=("1", "2"), totals=totals(2, 1, 3))
    given(FULL, removed).when(add(row("7"), row("8", "2", "k"))).then(
        page(stored("7", 3), stored("8", 4, "2", "k", 1), at=totals(3, 3, 5))
    )


def test_a_key_that_stands_keeps_its_row():
    given(FULL).when(add(row("7", key="k"), known=facts(stands("3", "k")))).then_nothing_happened()


def test_the_answer_to_a_mixed_request_lies_in_the_page():
    known = facts(stands("3", "k"), spec=Spec(max_items=4, max_fields=2, max_item_bytes=200))
    command = add(
        row("7", key="k"), row("8", field="x"), row("9"), row("10"), known=known, skip_invalid=True, allow_partial=True
    )
    given(FULL).when(command).then(
        page(
            stored("9", 3, index=2),
            at=totals(2, 4),
            kept=(KeptRow(index=0, item_id="3", item_key="k"),),
            refused=(
                RefusedRow(index=1, type=1, message="no such field: x"),
                RefusedRow(index=3, type=4, message="capacity=4, current=3, to_add=2"),
            ),
        )
    )


def test_bad_rows_alone_write_nothing_and_say_what_is_wrong():
    decision = given().when(add(row("7", field="x"), skip_invalid=True))
    decision.then_refused(DatasetRowsRefused, "no such field")
    assert decision.refusal.refused == (RefusedRow(index=0, type=1, message="no such field: x"),)


def test_rows_beyond_the_room_are_refused():
    given(FULL).when(add(row("7"))).then_refused(DatasetFull, "3 of 3")


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ((), DatasetRowCountInvalid),
        (tuple(row(str(i)) for i in range(101)), DatasetRowCountInvalid),
        ((row("7", key="k"), row("8", key="k")), DatasetRowKeyInvalid),
        ((row("7", key="8"), row("8")), DatasetRowKeyInvalid),
        ((row("7", key="k" * 256),), DatasetRowKeyInvalid),
    ],
)
def test_a_request_holds_one_to_a_hundred_rows_with_keys_of_their_own(rows, rule):
    given().when(add(*rows)).then_refused(rule)


def test_a_changed_row_keeps_its_key_place_and_maker():
    command = change(row("3", "2"), stands("3", "k", ordinal=2))
    changed = stored("3", 2, "2", "k").model_copy(update={"created_by": "8", "created_at": 5})
    given(FULL).when(command).then(
        DatasetRowsChanged(dataset_id=ID, schema_id="501", rows=(changed,), totals=totals(2, 3))
    )


def test_the_same_data_again_changes_nothing():
    given(FULL).when(change(row("3"), stands("3"))).then_nothing_happened()


def test_a_change_needs_its_row_and_keeps_to_the_size():
    given(FULL).when(change(row("3", "2"))).then_refused(DatasetRowMissing, "3")
    given(FULL).when(change(row("3", "x" * 300), stands("3"))).then_refused(DatasetRowTooLarge, "200")


def test_only_rows_that_are_there_are_removed_each_once():
    command = RemoveDatasetRows(
        space_id=SPACE, dataset_id=ID, item_ids=("3", "9", "3", "1"), facts=facts(stands("1"), stands("3"))
    )
    given(FULL).when(command).then(DatasetRowsRemoved(dataset_id=ID, item_ids=("3", "1"), totals=totals(2, 1, 3)))


def test_an_empty_draft_is_not_cleared_again():
    clear = ClearDatasetRows(space_id=SPACE, dataset_id=ID, facts=facts())
    history = given(FULL).when(clear).then(DatasetCleared(dataset_id=ID, totals=totals(2, 0, 3)))
    history.when(clear).then_nothing_happened()


def test_content_of_a_deleted_or_unknown_dataset_does_not_change():
    closed = DatasetContentClosed(dataset_id=ID, totals=totals(2, 3, closed=True))
    given(FULL, closed).when(add(row("7"))).then_refused(DatasetClosed, ID)
    given().when(ClearDatasetRows(space_id=SPACE, dataset_id=ID)).then_refused(DatasetMissing, ID)
