"""What the commands on a dataset's definition lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from commands.command import Context, To
from commands.datasets.dataset import NAME, Dataset, DefinitionCommand, after, rows_stream
from commands.datasets.messages import (
    BIZ_CATEGORY_LIMIT,
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    ChangeDatasetSchema,
    CreateDataset,
    CreateDatasetVersion,
    DatasetFieldInvalid,
    DatasetMissing,
    DatasetNameTaken,
    DatasetVersionInvalid,
    DeleteDataset,
    RenameDataset,
)
from commands.datasets.schema import changed_schema, first_schema
from commands.reservations import claim, release
from commands.semver import is_above, is_semver
from events.datasets import (
    DatasetContentClosed,
    DatasetContentSchemaSet,
    DatasetCreated,
    DatasetDeleted,
    DatasetRenamed,
    DatasetSchemaChanged,
    DatasetVersionCreated,
    DatasetVersionPinned,
)
from events.event import Event

Decided = Sequence[Event | To]


def decide(state: Dataset, command: DefinitionCommand, context: Context) -> Decided:
    """Facts of the dataset's definition, with what they mean for its content and its name."""
    match command:
        case CreateDataset():
            return create(state, command)
        case RenameDataset():
            return rename(state, command)
        case ChangeDatasetSchema():
            return change_schema(state, command)
        case CreateDatasetVersion():
            return create_version(state, command)
        case DeleteDataset():
            return delete(state, command)
        case _:
            assert_never(command)


def create(state: Dataset, command: CreateDataset) -> Decided:
    """A dataset and the claim of its name."""
    within("name", command.name, NAME_LIMIT, least=1)
    within("description", command.description, DESCRIPTION_LIMIT)
    within("biz_category", command.biz_category, BIZ_CATEGORY_LIMIT)
    fields = first_schema(command.fields, command.spec.max_fields)
    if command.name_reservation in state.held:
        raise DatasetNameTaken(f"name {command.name!r} is taken")
    return (
        DatasetCreated(
            dataset_id=command.dataset_id,
            category=command.category,
            name=command.name,
            description=command.description,
            biz_category=command.biz_category,
            name_reservation=command.name_reservation,
            schema_id=command.schema_id,
            fields=fields,
            spec=command.spec,
        ),
        claim(command.space_id, NAME, command.name_reservation, command.dataset_id),
    )


def rename(state: Dataset, command: RenameDataset) -> Decided:
    """Another name with its claim and the release of the old, or another description; nothing when both are so."""
    existing(state, command.dataset_id)
    name = state.name if command.name is None else command.name
    description = state.description if command.description is None else command.description
    if (name, description) == (state.name, state.description):
        return ()
    within("name", command.name if command.name is not None else "-", NAME_LIMIT, least=1)
    within("description", command.description or "", DESCRIPTION_LIMIT)
    taking = command.name is not None and command.name_reservation != state.name_reservation
    if taking and command.name_reservation in state.held:
        raise DatasetNameTaken(f"name {command.name!r} is taken")
    renamed = DatasetRenamed(
        dataset_id=command.dataset_id,
        name=name,
        description=description,
        name_reservation=command.name_reservation if taking else state.name_reservation,
    )
    if not taking:
        return (renamed,)
    return (
        renamed,
        claim(command.space_id, NAME, command.name_reservation, command.dataset_id),
        release(command.space_id, NAME, state.name_reservation, command.dataset_id),
    )


def change_schema(state: Dataset, command: ChangeDatasetSchema) -> Decided:
    """Other fields, noted in the content as well; a schema that a version names is left as it is under its id."""
    existing(state, command.dataset_id)
    empty = state.totals.count == 0
    fields = changed_schema(state.fields, command.fields, state.spec.max_fields, empty=empty)
    if fields == state.fields:
        return ()
    schema_id = command.schema_id if state.schema_id == state.pinned_schema else state.schema_id
    revision = state.schema_revision + 1
    return (
        DatasetSchemaChanged(
            dataset_id=command.dataset_id, schema_id=schema_id, schema_revision=revision, fields=fields
        ),
        To(
            rows_stream(command.space_id, command.dataset_id),
            DatasetContentSchemaSet(
                dataset_id=command.dataset_id,
                schema_id=schema_id,
                schema_revision=revision,
                totals=after(state.totals),
            ),
        ),
    )


def create_version(state: Dataset, command: CreateDatasetVersion) -> Decided:
    """A version that names the content's revision, and its pin in the content."""
    existing(state, command.dataset_id)
    if not is_semver(command.version):
        raise DatasetVersionInvalid(f"version {command.version!r} is not a semantic version such as 1.0.0")
    if state.last_version and not is_above(command.version, state.last_version):
        raise DatasetVersionInvalid(f"version {command.version!r} is not above {state.last_version!r}")
    if len(command.description) > DESCRIPTION_LIMIT:
        raise DatasetVersionInvalid(f"desc is longer than {DESCRIPTION_LIMIT} characters")
    return (
        DatasetVersionCreated(
            dataset_id=command.dataset_id,
            version_id=command.version_id,
            version=command.version,
            number=state.versions + 1,
            description=command.description,
            revision=state.totals.revision,
            item_count=state.totals.count,
            digest=command.digest,
            schema_id=state.schema_id,
            fields=state.fields,
        ),
        To(
            rows_stream(command.space_id, command.dataset_id),
            DatasetVersionPinned(
                dataset_id=command.dataset_id,
                version_id=command.version_id,
                revision=state.totals.revision,
                totals=after(state.totals),
            ),
        ),
    )


def delete(state: Dataset, command: DeleteDataset) -> Decided:
    """The end, in definition and content, and the release of the name."""
    existing(state, command.dataset_id)
    return (
        DatasetDeleted(dataset_id=command.dataset_id),
        To(
            rows_stream(command.space_id, command.dataset_id),
            DatasetContentClosed(dataset_id=command.dataset_id, totals=after(state.totals, closed=True)),
        ),
        release(command.space_id, NAME, state.name_reservation, command.dataset_id),
    )


def existing(state: Dataset, dataset_id: str) -> None:
    """Refuses what is not there."""
    if not state.exists:
        raise DatasetMissing(f"dataset {dataset_id}")


def within(field: str, text: str, limit: int, *, least: int = 0) -> None:
    """Refuses a text with fewer or more characters than allowed."""
    if not least <= len(text) <= limit:
        raise DatasetFieldInvalid(f"{field} has {len(text)} characters, not {least} to {limit}")
