"""An import as its decisions need it, and what they lead to. Its pages are decided with the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from commands.command import Context, To
from commands.datasets.dataset import after, rows_stream
from commands.datasets.import_messages import (
    MOST_MAPPINGS,
    SOURCE_LIMIT,
    BeginImport,
    EndImport,
    ImportMappingInvalid,
    ImportOver,
    RequestImport,
)
from commands.datasets.schema import available
from events.datasets import DatasetImportEnded, Totals
from events.event import Event, Stream
from events.imports import ImportBegun, ImportCancelled, ImportCompleted, ImportFailed, ImportRequested

ImportCommand = RequestImport | BeginImport | EndImport
Decided = Sequence[Event | To]

IMPORTS = "imports"


@dataclass(frozen=True)
class Import:
    """``totals`` are the content's."""

    asked: bool = False
    begun: bool = False
    over: bool = False
    totals: Totals = field(default_factory=Totals)


UNASKED = Import()


def import_stream(space_id: str, job_id: str) -> Stream:
    """Where an import's own events lie."""
    return Stream(space_id, IMPORTS, job_id)


def import_streams(command: ImportCommand, state: Import) -> tuple[Stream, ...]:
    """The import alone; its end is written to the content as well, so that no page can follow it."""
    own = import_stream(command.space_id, command.job_id)
    return (own, rows_stream(command.space_id, command.dataset_id)) if isinstance(command, EndImport) else (own,)


def evolve_import(state: Import, event: Event) -> Import:
    """Folds an import's history; of the content the last event says all."""
    match event:
        case ImportRequested():
            return replace(state, asked=True)
        case ImportBegun():
            return replace(state, begun=True)
        case ImportCompleted() | ImportFailed() | ImportCancelled():
            return replace(state, over=True)
        case _:
            totals = getattr(event, "totals", None)
            return replace(state, totals=totals) if isinstance(totals, Totals) else state


def decide_import(state: Import, command: ImportCommand, context: Context) -> Decided:
    """Facts of the import's own stream, and its end in the content."""
    match command:
        case RequestImport():
            return request(command)
        case BeginImport():
            return begin(state, command)
        case EndImport():
            return end(state, command)


def request(command: RequestImport) -> Decided:
    """The import with mappings that fill text fields, each once."""
    if not 1 <= len(command.mappings) <= MOST_MAPPINGS:
        raise ImportMappingInvalid(f"field_mappings: {len(command.mappings)} mappings, not 1 to {MOST_MAPPINGS}")
    fields = {each.name: each for each in available(command.fields)}
    filled: set[str] = set()
    for place, mapping in enumerate(command.mappings):
        where = f"field_mappings.{place}"
        if not 1 <= len(mapping.source) <= SOURCE_LIMIT:
            raise ImportMappingInvalid(f"{where}.source has {len(mapping.source)} characters, not 1 to {SOURCE_LIMIT}")
        target = fields.get(mapping.target)
        if target is None:
            raise ImportMappingInvalid(f"{where}.target: the dataset has no field {mapping.target[:64]!r}")
        if target.content_type != "Text":
            raise ImportMappingInvalid(f"{where}.target: field {target.name!r} holds {target.content_type}, not text")
        if target.name in filled:
            raise ImportMappingInvalid(f"{where}.target: field {target.name!r} is filled twice")
        filled.add(target.name)
    return (
        ImportRequested(
            job_id=command.job_id,
            dataset_id=command.dataset_id,
            format=command.format,
            size=command.size,
            overwrite=command.overwrite,
            path=command.path,
            mappings=command.mappings,
        ),
    )


def begin(state: Import, command: BeginImport) -> Decided:
    """The begin; nothing when it was begun before."""
    if not state.asked or state.over:
        raise ImportOver(f"import {command.job_id}")
    if state.begun:
        return ()
    return (
        ImportBegun(
            job_id=command.job_id, dataset_id=command.dataset_id, total=command.total, encoding=command.encoding
        ),
    )


def end(state: Import, command: EndImport) -> Decided:
    """The end, in the import and, while there is one, in the content; nothing when it is over."""
    if not state.asked:
        raise ImportOver(f"import {command.job_id}")
    if state.over:
        return ()
    own: Event
    if command.outcome == "completed":
        own = ImportCompleted(job_id=command.job_id, dataset_id=command.dataset_id)
    elif command.outcome == "cancelled":
        own = ImportCancelled(job_id=command.job_id, dataset_id=command.dataset_id)
    else:
        own = ImportFailed(
            job_id=command.job_id, dataset_id=command.dataset_id, type=command.type, reason=command.reason
        )
    if state.totals.closed:
        return (own,)
    marker = DatasetImportEnded(dataset_id=command.dataset_id, job_id=command.job_id, totals=after(state.totals))
    return (own, To(rows_stream(command.space_id, command.dataset_id), marker))
