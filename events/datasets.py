"""What happens to datasets (an evaluation set is one): what they are, and what they hold.

Definition, schema and versions lie in ``<space>.datasets.<id>``; content lies in ``<space>.datasets.rows.<id>``.
Every event of the content counts as one revision and carries the totals after it, so that a decision about content
needs the last event alone. Whatever bears on content is written there as well: another schema, a version's pin, the
end. A version names a revision and copies nothing: its rows are those with ``added <= revision < removed``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from events.event import Event, Sealed

PAGE_BYTES = 390 * 1024
"""Sealed bytes of a page that still fit a 512 KiB event after base64."""

Data = dict[str, dict[str, Any]]
"""A row: field key -> content as the contract writes it, without what is unset."""


class Field(BaseModel):
    """A column. The key never changes; a field left out of a later schema stays, deleted, so that old rows resolve."""

    model_config = ConfigDict(frozen=True)
    key: str
    name: str
    description: str = ""
    content_type: str = "Text"
    default_format: int = 1
    schema_key: int | None = None
    text_schema: str = ""
    multi_model_spec: dict[str, Any] | None = None
    hidden: bool = False
    is_required: bool = False
    status: Literal["available", "deleted"] = "available"


class Spec(BaseModel):
    """What a dataset may hold, fixed when it is created; bytes are of one row's JSON."""

    model_config = ConfigDict(frozen=True)
    max_items: int
    max_fields: int
    max_item_bytes: int


class Totals(BaseModel):
    """The content after an event: events so far, rows now, rows ever added, and whether the dataset is gone."""

    model_config = ConfigDict(frozen=True)
    revision: int = 0
    count: int = 0
    ever: int = 0
    closed: bool = False


class Row(BaseModel):
    """One item as a page holds it.

    ``ordinal`` is its place among all rows ever added; ``digest`` a keyed digest of the data's canonical JSON;
    who created it when (microseconds) stays with it through changes.
    """

    model_config = ConfigDict(frozen=True)
    item_id: str
    item_key: str
    ordinal: int
    digest: str
    data: Data
    created_by: str
    created_at: int
    index: int = 0
    """Its place in the request."""


class KeptRow(BaseModel):
    """A row that was sent again under its key: the one that stands is the answer."""

    model_config = ConfigDict(frozen=True)
    index: int
    item_id: str
    item_key: str


class RefusedRow(BaseModel):
    """A row that was not taken: its place in the request, the contract's error type, and why."""

    model_config = ConfigDict(frozen=True)
    index: int
    type: int
    message: str


class RowError(BaseModel):
    """One row that an import did not take, by its place in the file, or the rows from there to another."""

    model_config = ConfigDict(frozen=True)
    index: int
    message: str
    end_index: int | None = None


class ErrorGroup(BaseModel):
    """Rows that an import did not take, by the contract's error type: how many, and the first of them."""

    model_config = ConfigDict(frozen=True)
    type: int
    count: int
    details: tuple[RowError, ...]


class ImportProgress(BaseModel):
    """How far an import has come: rows of the file that were read, added, refused; whether the dataset is full."""

    model_config = ConfigDict(frozen=True)
    rows: int
    added: int
    refused: int
    full: bool = False


class DatasetCreated(Event):
    """A dataset exists under a name that is unique in its space, with its first schema."""

    dataset_id: str
    category: str
    name: Sealed[str]
    description: Sealed[str]
    biz_category: Sealed[str]
    name_reservation: str
    schema_id: str
    fields: Sealed[tuple[Field, ...]]
    spec: Spec


class DatasetRenamed(Event):
    """Name and description read so from now on."""

    dataset_id: str
    name: Sealed[str]
    description: Sealed[str]
    name_reservation: str


class DatasetSchemaChanged(Event):
    """Content follows these fields from now on. ``schema_id`` is new when a version had named the one before."""

    dataset_id: str
    schema_id: str
    schema_revision: int
    fields: Sealed[tuple[Field, ...]]


class DatasetVersionCreated(Event):
    """A version stands for ever: the content's revision, how many rows, their digest, and the schema."""

    dataset_id: str
    version_id: str
    version: str
    number: int
    description: Sealed[str]
    revision: int
    item_count: int
    digest: str
    schema_id: str
    fields: Sealed[tuple[Field, ...]]


class DatasetDeleted(Event):
    """The dataset is gone from its space; its versions stay readable to what pinned them."""

    dataset_id: str


class DatasetRowsAdded(Event):
    """A page of new rows, with those of the same request that were kept or refused."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)
    inline_limit: ClassVar[int] = PAGE_BYTES

    dataset_id: str
    schema_id: str
    rows: Sealed[tuple[Row, ...]]
    kept: Sealed[tuple[KeptRow, ...]]
    refused: Sealed[tuple[RefusedRow, ...]]
    totals: Totals


class DatasetRowsChanged(Event):
    """These rows hold other data from now on; versions keep the old."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)
    inline_limit: ClassVar[int] = PAGE_BYTES

    dataset_id: str
    schema_id: str
    rows: Sealed[tuple[Row, ...]]
    totals: Totals


class DatasetRowsRemoved(Event):
    """These rows are gone from the draft; versions keep them."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    item_ids: tuple[str, ...]
    totals: Totals


class DatasetCleared(Event):
    """Every row is gone from the draft; versions keep them."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    totals: Totals


class DatasetVersionPinned(Event):
    """The content at ``revision`` belongs to a version; written with `DatasetVersionCreated`."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    version_id: str
    revision: int
    totals: Totals


class DatasetContentSchemaSet(Event):
    """Rows written from here on follow this schema; written with `DatasetSchemaChanged`."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    schema_id: str
    schema_revision: int
    totals: Totals


class DatasetContentClosed(Event):
    """No row is written from here on; written with `DatasetDeleted`."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    totals: Totals


class DatasetRowsImported(Event):
    """A page of an import: its new rows, how far the import has come with it, and what it did not take so far."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)
    inline_limit: ClassVar[int] = PAGE_BYTES

    dataset_id: str
    schema_id: str
    job_id: str
    progress: ImportProgress
    rows: Sealed[tuple[Row, ...]]
    errors: Sealed[tuple[ErrorGroup, ...]]
    totals: Totals


class DatasetImportEnded(Event):
    """No page of this import is written from here on; written with the import's own end."""

    header_fields: ClassVar[tuple[str, ...]] = ("totals",)

    dataset_id: str
    job_id: str
    totals: Totals
