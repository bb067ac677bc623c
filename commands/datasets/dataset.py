"""A dataset as its decisions need it: its name, schema and last version, and the totals of its content."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from commands.datasets.import_messages import AddImportedRows
from commands.datasets.messages import (
    AddDatasetRows,
    ChangeDatasetRow,
    ChangeDatasetSchema,
    ClearDatasetRows,
    CreateDataset,
    CreateDatasetVersion,
    DeleteDataset,
    RemoveDatasetRows,
    RenameDataset,
)
from commands.reservations import Held, evolve_held, reservation
from events.datasets import (
    DatasetCleared,
    DatasetContentClosed,
    DatasetContentSchemaSet,
    DatasetCreated,
    DatasetDeleted,
    DatasetImportEnded,
    DatasetRenamed,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsImported,
    DatasetRowsRemoved,
    DatasetSchemaChanged,
    DatasetVersionCreated,
    DatasetVersionPinned,
    Field,
    Spec,
    Totals,
)
from events.event import Erased, Event, Stream

DefinitionCommand = CreateDataset | RenameDataset | ChangeDatasetSchema | CreateDatasetVersion | DeleteDataset
ContentCommand = AddDatasetRows | AddImportedRows | ChangeDatasetRow | RemoveDatasetRows | ClearDatasetRows
DatasetCommand = DefinitionCommand | ContentCommand

CAPABILITY = "datasets"
ROWS = "rows"
"""The kind of the streams that hold content."""
NAME = "dataset_name"
"""The kind of the reservations that make a name unique in its space."""
NO_SPEC = Spec(max_items=0, max_fields=0, max_item_bytes=0)


@dataclass(frozen=True)
class Dataset:
    """``exists`` from creation to deletion; ``pinned_schema`` is the schema that the last version names."""

    exists: bool = False
    name: str | Erased = ""
    description: str | Erased = ""
    name_reservation: str = ""
    schema_id: str = ""
    schema_revision: int = 0
    pinned_schema: str = ""
    fields: tuple[Field, ...] = ()
    spec: Spec = NO_SPEC
    last_version: str = ""
    versions: int = 0
    totals: Totals = field(default_factory=Totals)
    held: Held = field(default_factory=dict)


UNBORN = Dataset()


def definition_stream(space_id: str, dataset_id: str) -> Stream:
    """Where definition, schema and versions lie."""
    return Stream(space_id, CAPABILITY, dataset_id)


def rows_stream(space_id: str, dataset_id: str) -> Stream:
    """Where the content lies."""
    return Stream(space_id, CAPABILITY, dataset_id, ROWS)


def streams(command: DefinitionCommand, state: Dataset) -> tuple[Stream, ...]:
    """The definition, the content where it bears on the decision, and the names claimed or released."""
    own = definition_stream(command.space_id, command.dataset_id)
    rows = rows_stream(command.space_id, command.dataset_id)
    match command:
        case CreateDataset():
            return own, reservation(command.space_id, NAME, command.name_reservation)
        case RenameDataset():
            names = dict.fromkeys(filter(None, (command.name_reservation, state.name_reservation)))
            return own, *(reservation(command.space_id, NAME, name) for name in names)
        case DeleteDataset() if state.name_reservation:
            return own, rows, reservation(command.space_id, NAME, state.name_reservation)
        case _:
            return own, rows


def content_streams(command: ContentCommand, state: Dataset) -> tuple[Stream, ...]:
    """The content alone: whatever bears on it is written there as well."""
    return (rows_stream(command.space_id, command.dataset_id),)


def evolve(state: Dataset, event: Event) -> Dataset:
    """Folds a dataset's history, its content's and its name's; of the content the last event says all."""
    match event:
        case DatasetCreated():
            return replace(
                state,
                exists=True,
                name=event.name,
                description=event.description,
                name_reservation=event.name_reservation,
                schema_id=event.schema_id,
                schema_revision=1,
                fields=opened(event.fields),
                spec=event.spec,
            )
        case DatasetRenamed():
            return replace(
                state, name=event.name, description=event.description, name_reservation=event.name_reservation
            )
        case DatasetSchemaChanged():
            return replace(
                state,
                schema_id=event.schema_id,
                schema_revision=event.schema_revision,
                fields=opened(event.fields),
            )
        case DatasetVersionCreated():
            return replace(state, last_version=event.version, versions=event.number, pinned_schema=event.schema_id)
        case DatasetDeleted():
            return replace(state, exists=False)
        case (
            DatasetRowsAdded()
            | DatasetRowsChanged()
            | DatasetRowsRemoved()
            | DatasetCleared()
            | DatasetVersionPinned()
            | DatasetContentSchemaSet()
            | DatasetContentClosed()
            | DatasetRowsImported()
            | DatasetImportEnded()
        ):
            return replace(state, totals=event.totals)
        case _:
            return replace(state, held=evolve_held(state.held, event))


def opened(fields: tuple[Field, ...] | Erased) -> tuple[Field, ...]:
    """The fields, none when their key has been destroyed."""
    return () if isinstance(fields, Erased) else fields


def after(totals: Totals, *, added: int = 0, removed: int = 0, closed: bool = False) -> Totals:
    """The totals that the next event of the content carries."""
    return Totals(
        revision=totals.revision + 1,
        count=totals.count + added - removed,
        ever=totals.ever + added,
        closed=totals.closed or closed,
    )
