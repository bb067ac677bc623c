"""A page of an import: its rows, decided where the content ends, exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter

from commands.command import Context, To
from commands.datasets.dataset import Dataset, after
from commands.datasets.import_messages import AddImportedRows, ImportOver, ImportPagePassed
from commands.datasets.messages import PAGE_ROWS, DatasetRowCountInvalid, Facts, GivenRow
from commands.datasets.rows import NO_ROOM, Columns
from commands.datasets.text_schema import Budget
from events.datasets import (
    Data,
    DatasetCleared,
    DatasetRowsImported,
    ErrorGroup,
    ImportProgress,
    RefusedRow,
    Row,
    RowError,
)
from events.event import Event

DETAILS = 10
"""Rows that a group of errors tells of one by one."""
KEYWORDS_A_ROW = 2000
"""Share of the budget of schema keywords that each row brings to its page."""
INTERNAL = 100
ROWS: TypeAdapter[tuple[Row, ...]] = TypeAdapter(tuple[Row, ...])


def add_imported(state: Dataset, command: AddImportedRows, facts: Facts, context: Context) -> Sequence[Event | To]:
    """The page's rows that are right and find room; a page without any still says how far the import has come."""
    so_far = command.so_far
    if so_far is None or so_far.over or so_far.progress.full:
        raise ImportOver(f"import {command.job_id}")
    if command.first != so_far.progress.rows:
        raise ImportPagePassed(f"import {command.job_id} has come to row {so_far.progress.rows}, not {command.first}")
    if not 1 <= command.read <= PAGE_ROWS or len(command.rows) + len(command.malformed) != command.read:
        raise DatasetRowCountInvalid(f"a page of {command.read} rows, not 1 to {PAGE_ROWS}")
    anew = command.overwrite and so_far.progress.added == 0
    refused = list(command.malformed)
    taken: list[tuple[int, GivenRow, Data]] = []
    standing = set() if anew else {row.item_key for row in facts.standing}
    columns, budget = Columns(facts.fields), Budget(KEYWORDS_A_ROW * command.read)
    for index, (place, row) in enumerate(zip(command.places, command.rows, strict=True)):
        data = columns.data(row.cells, facts.spec.max_item_bytes, budget)
        if isinstance(data, tuple):
            refused.append(RefusedRow(index=place, type=data[0], message=data[1]))
        elif row.item_id in standing:
            refused.append(RefusedRow(index=place, type=INTERNAL, message=f"the key {row.item_id} is taken"))
        else:
            taken.append((index, row, data))
    totals = state.totals
    events: list[Event] = []
    if anew and taken and totals.count:
        totals = after(totals, removed=totals.count)
        events.append(DatasetCleared(dataset_id=command.dataset_id, totals=totals))
    room = max(facts.spec.max_items - totals.count, 0)
    full = len(taken) > room
    errors = merged(so_far.errors, refused)
    if full:
        errors = without_room(errors, command, [command.places[i] for i, _, _ in taken[room:]], facts.spec.max_items)
        taken = taken[:room]
    now = int(context.now.timestamp() * 1_000_000)
    rows = ROWS.validate_python(
        [
            {
                "item_id": row.item_id,
                "item_key": row.item_id,
                "ordinal": totals.ever + place,
                "digest": facts.digests[index],
                "data": data,
                "created_by": context.actor,
                "created_at": now,
                "index": command.places[index],
            }
            for place, (index, row, data) in enumerate(taken)
        ]
    )
    added = so_far.progress.added + len(rows)
    reached = command.total if full else command.first + command.read
    progress = ImportProgress(rows=reached, added=added, refused=reached - added, full=full)
    page = DatasetRowsImported(
        dataset_id=command.dataset_id,
        schema_id=facts.schema_id,
        job_id=command.job_id,
        progress=progress,
        rows=rows,
        errors=errors,
        totals=after(totals, added=len(rows)),
    )
    return (*events, page)


def merged(groups: Iterable[ErrorGroup], refused: Iterable[RefusedRow]) -> tuple[ErrorGroup, ...]:
    """The groups with these rows in them, each group with its first rows in detail."""
    by_type = {group.type: group for group in groups}
    for row in sorted(refused, key=lambda r: r.index):
        group = by_type.get(row.type) or ErrorGroup(type=row.type, count=0, details=())
        details = group.details
        if len(details) < DETAILS:
            details = (*details, RowError(index=row.index, message=row.message))
        by_type[row.type] = ErrorGroup(type=row.type, count=group.count + 1, details=details)
    return tuple(by_type.values())


def without_room(
    groups: tuple[ErrorGroup, ...], command: AddImportedRows, places: Sequence[int], limit: int
) -> tuple[ErrorGroup, ...]:
    """The rows for which there was no room, and every later one of the file, as one entry."""
    beyond = command.total - (command.first + command.read)
    detail = RowError(
        index=places[0],
        end_index=command.total - 1,
        message=f"the dataset holds {limit} rows and is full: from here on nothing was added",
    )
    return (*groups, ErrorGroup(type=NO_ROOM, count=len(places) + beyond, details=(detail,)))
