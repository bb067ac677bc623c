"""What can be asked of a dataset, and the rules that may say no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from commands.command import Command, Refusal
from events.datasets import Field, KeptRow, RefusedRow, Spec

NAME_LIMIT = 255
DESCRIPTION_LIMIT = 2048
BIZ_CATEGORY_LIMIT = 128
FIELD_NAME_LIMIT = 128
FIELD_DESCRIPTION_LIMIT = 1024
ITEM_KEY_LIMIT = 255
PAGE_ROWS = 500
"""Rows of one page event."""


class GivenField(BaseModel):
    """A column as it is asked for; without a key the dataset makes one."""

    model_config = ConfigDict(frozen=True)
    key: str = ""
    name: str
    description: str = ""
    content_type: str = "Text"
    default_format: int = 1
    schema_key: int | None = None
    text_schema: str = ""
    multi_model_spec: dict[str, Any] | None = None
    hidden: bool = False
    is_required: bool = False
    deleted: bool = False


class Cell(BaseModel):
    """A value for the field of this key or, without a key, of this name."""

    model_config = ConfigDict(frozen=True)
    key: str = ""
    name: str = ""
    content: dict[str, Any]


class GivenRow(BaseModel):
    """A row as it is asked for."""

    model_config = ConfigDict(frozen=True)
    item_id: str
    item_key: str = ""
    cells: tuple[Cell, ...]


class StandingRow(BaseModel):
    """A fact: a row that the draft holds."""

    model_config = ConfigDict(frozen=True)
    item_id: str
    item_key: str
    ordinal: int
    digest: str
    created_by: str
    created_at: int


class Facts(BaseModel):
    """What the read models know of a dataset and the rows in question, where the content's stream ends.

    ``standing`` holds those rows of the draft that the command names, by key or by id; ``digests``, for each row that
    the command brings, the keyed digest of what its cells come to (`Columns.resolve`).
    """

    model_config = ConfigDict(frozen=True)
    schema_id: str
    fields: tuple[Field, ...]
    spec: Spec
    standing: tuple[StandingRow, ...] = ()
    digests: tuple[str, ...] = ()


class CreateDataset(Command):
    """A new dataset under a name; ``name_reservation`` is the name's digest under the space's key."""

    space_id: str
    dataset_id: str
    schema_id: str
    category: str = "evaluation"
    name: str
    description: str = ""
    biz_category: str = ""
    name_reservation: str
    fields: tuple[GivenField, ...]
    spec: Spec


class RenameDataset(Command):
    """Another name or description; what is None stays. ``name_reservation`` belongs to the name."""

    space_id: str
    dataset_id: str
    name: str | None = None
    name_reservation: str = ""
    description: str | None = None


class ChangeDatasetSchema(Command):
    """Other fields; those left out become deleted. ``schema_id`` is used when a version holds the present schema."""

    space_id: str
    dataset_id: str
    schema_id: str
    fields: tuple[GivenField, ...]


class CreateDatasetVersion(Command):
    """The draft as a version. ``digest`` is a fact: `content_digest` of the rows where the content's stream ends."""

    space_id: str
    dataset_id: str
    version_id: str
    version: str
    description: str = ""
    digest: str = ""


class DeleteDataset(Command):
    """The dataset goes, its name is free again."""

    space_id: str
    dataset_id: str


class RowsCommand(Command):
    """A command about content: it rests on the last event of the content and on facts that stand there."""

    space_id: str
    dataset_id: str
    facts: Facts | None = None


class AddDatasetRows(RowsCommand):
    """Rows for the draft. A key that the draft holds keeps its row: sending again is harmless.

    ``skip_invalid`` takes the valid rows alone, ``allow_partial`` as many as there is room for; without them one
    bad row, or one too many, refuses all. ``max_rows`` is the largest request.
    """

    rows: tuple[GivenRow, ...]
    skip_invalid: bool = False
    allow_partial: bool = False
    max_rows: int = 100


class ChangeDatasetRow(RowsCommand):
    """Other data for one row of the draft."""

    row: GivenRow


class RemoveDatasetRows(RowsCommand):
    """Rows leave the draft; those that are not there are left out of account."""

    item_ids: tuple[str, ...]
    max_rows: int = 100


class ClearDatasetRows(RowsCommand):
    """Every row leaves the draft."""


class DatasetMissing(Refusal):
    """There is no such dataset."""


class DatasetFieldInvalid(Refusal):
    """Something that the dataset is called or described by is missing or too long."""


class DatasetNameTaken(Refusal):
    """Another dataset of the space has the name."""


class DatasetSchemaInvalid(Refusal):
    """The fields do not make a schema."""


class DatasetSchemaIncompatible(Refusal):
    """A field's type changes, or its rules become stricter, while the dataset holds rows."""


class DatasetVersionInvalid(Refusal):
    """The version is no semantic version, not above the last, or described at too great length."""


class DatasetClosed(Refusal):
    """Content of a deleted dataset does not change."""


class DatasetRowMissing(Refusal):
    """The draft has no such row."""


class DatasetRowCountInvalid(Refusal):
    """No row at all, or more than one request may hold."""


class DatasetRowKeyInvalid(Refusal):
    """Two rows of one request have the same key, or a key is too long."""


class DatasetFull(Refusal):
    """The rows would not all find room."""


class DatasetRowMismatched(Refusal):
    """The changed row does not follow the schema."""


class DatasetRowTooLarge(Refusal):
    """The changed row has too many bytes."""


class DatasetRowsRefused(Refusal):
    """No new row of the request can be taken; nothing was written. Says what stands already and what is wrong."""

    def __init__(self, kept: Sequence[KeptRow], refused: Sequence[RefusedRow]) -> None:
        super().__init__(f"{len(refused)} rows were refused: {refused[0].message if refused else ''}")
        self.kept = tuple(kept)
        self.refused = tuple(refused)
