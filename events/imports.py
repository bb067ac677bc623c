"""What happens to imports: a file is to become rows of a dataset, page by page.

An import's own stream ``<space>.imports.<id>`` says that it was asked for, begun and ended. Its pages and its end lie
in the dataset's content as well (`events.datasets.DatasetRowsImported`, `DatasetImportEnded`): each page says how far
the file is read, so that an import goes on behind the last page that is stored.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from events.event import Event, Sealed


class Mapping(BaseModel):
    """What a column of the file fills: the field of this name."""

    model_config = ConfigDict(frozen=True)
    source: str
    target: str


class ImportRequested(Event):
    """A file of the space is to be imported. ``path`` is its key; its bytes were set aside when this was asked."""

    job_id: str
    dataset_id: str
    format: Literal["jsonl", "csv"]
    size: int
    overwrite: bool
    path: Sealed[str]
    mappings: Sealed[tuple[Mapping, ...]]


class ImportBegun(Event):
    """The file can be read: so many rows, in this encoding."""

    job_id: str
    dataset_id: str
    total: int
    encoding: str


class ImportCompleted(Event):
    """Every row was added or refused, or the dataset is full."""

    job_id: str
    dataset_id: str


class ImportFailed(Event):
    """The file cannot be imported; pages that were added before stay. ``type`` is the contract's error type."""

    job_id: str
    dataset_id: str
    type: int
    reason: Sealed[str]


class ImportCancelled(Event):
    """Somebody ended it; pages that were added before stay."""

    job_id: str
    dataset_id: str
