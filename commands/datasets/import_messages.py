"""What can be asked of an import into a dataset, and the rules that may say no."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from commands.command import Command, Refusal
from commands.datasets.messages import GivenRow, RowsCommand
from events.datasets import ErrorGroup, Field, ImportProgress, RefusedRow
from events.imports import Mapping

MOST_MAPPINGS = 200
SOURCE_LIMIT = 256


class SoFar(BaseModel):
    """A fact: how far the import has come where the content's stream ends, and whether it is over."""

    model_config = ConfigDict(frozen=True)
    progress: ImportProgress
    errors: tuple[ErrorGroup, ...] = ()
    over: bool = False


class RequestImport(Command):
    """A file is to become rows. ``fields`` is a fact: what the dataset follows now."""

    space_id: str
    job_id: str
    dataset_id: str
    format: Literal["jsonl", "csv"]
    path: str
    size: int
    mappings: tuple[Mapping, ...]
    overwrite: bool = False
    fields: tuple[Field, ...]


class BeginImport(Command):
    """The file was looked through."""

    space_id: str
    job_id: str
    dataset_id: str
    total: int
    encoding: str


class AddImportedRows(RowsCommand):
    """A page of the file: the rows from ``first`` on, ``read`` of them.

    ``rows`` are those that could be read, each at its place in the file (``places``), ``malformed`` the others.
    ``total`` is the file's number of rows. With ``overwrite`` the first rows that are taken end what the draft held.
    """

    job_id: str
    first: int
    read: int
    total: int
    rows: tuple[GivenRow, ...]
    places: tuple[int, ...]
    malformed: tuple[RefusedRow, ...] = ()
    overwrite: bool = False
    so_far: SoFar | None = None


class EndImport(Command):
    """The import is over, whichever way."""

    space_id: str
    job_id: str
    dataset_id: str
    outcome: Literal["completed", "failed", "cancelled"]
    type: int = 0
    reason: str = ""


class ImportMappingInvalid(Refusal):
    """The mappings name no field, one that is not text, or the same one twice."""


class ImportOver(Refusal):
    """The import has ended, or was never asked for: nothing more is added."""


class ImportPagePassed(Refusal):
    """The import has come to another place: this page was added already, or is not its turn."""
