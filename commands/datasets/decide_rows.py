"""What the commands on a dataset's content lead to, or the rule that refuses them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

from commands.command import Context, To
from commands.datasets.dataset import ContentCommand, Dataset, after
from commands.datasets.decide_pages import add_imported
from commands.datasets.import_messages import AddImportedRows
from commands.datasets.messages import (
    ITEM_KEY_LIMIT,
    PAGE_ROWS,
    AddDatasetRows,
    ChangeDatasetRow,
    ClearDatasetRows,
    DatasetClosed,
    DatasetFull,
    DatasetMissing,
    DatasetRowCountInvalid,
    DatasetRowKeyInvalid,
    DatasetRowMismatched,
    DatasetRowMissing,
    DatasetRowsRefused,
    DatasetRowTooLarge,
    Facts,
    GivenRow,
    RemoveDatasetRows,
)
from commands.datasets.rows import NO_ROOM, TOO_LARGE, Columns
from commands.datasets.text_schema import Budget
from events.datasets import (
    Data,
    DatasetCleared,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsRemoved,
    KeptRow,
    RefusedRow,
    Row,
)
from events.event import Event

Decided = Sequence[Event | To]


def decide_rows(state: Dataset, command: ContentCommand, context: Context) -> Decided:
    """Facts of the content's own stream."""
    if command.facts is None:
        raise DatasetMissing(f"dataset {command.dataset_id}")
    if state.totals.closed:
        raise DatasetClosed(f"dataset {command.dataset_id} is deleted")
    match command:
        case AddDatasetRows():
            return add(state, command, command.facts, context)
        case AddImportedRows():
            return add_imported(state, command, command.facts, context)
        case ChangeDatasetRow():
            return change(state, command, command.facts)
        case RemoveDatasetRows():
            return remove(state, command, command.facts)
        case ClearDatasetRows():
            return clear(state, command)
        case _:
            assert_never(command)


def add(state: Dataset, command: AddDatasetRows, facts: Facts, context: Context) -> Decided:
    """A page of the rows that are new and right; nothing when the draft holds every one of them."""
    counted("items", len(command.rows), min(command.max_rows, PAGE_ROWS))
    keys = Counter(row.item_key or row.item_id for row in command.rows)
    if doubled := next((key for key, n in keys.items() if n > 1), None):
        raise DatasetRowKeyInvalid(f"item_key {doubled!r} is there twice")
    if long := next((key for key in keys if len(key) > ITEM_KEY_LIMIT), None):
        raise DatasetRowKeyInvalid(f"item_key {long[:32]!r}... is longer than {ITEM_KEY_LIMIT} characters")
    standing = {row.item_key: row for row in facts.standing}
    kept: list[KeptRow] = []
    refused: list[RefusedRow] = []
    taken: list[tuple[int, GivenRow, Data]] = []
    columns, budget = Columns(facts.fields), Budget()
    for index, row in enumerate(command.rows):
        if stands := standing.get(row.item_key or row.item_id):
            kept.append(KeptRow(index=index, item_id=stands.item_id, item_key=stands.item_key))
        elif isinstance(data := columns.data(row.cells, facts.spec.max_item_bytes, budget), tuple):
            refused.append(RefusedRow(index=index, type=data[0], message=data[1]))
        else:
            taken.append((index, row, data))
    if refused and not command.skip_invalid:
        raise DatasetRowsRefused(kept, refused)
    room = max(facts.spec.max_items - state.totals.count, 0)
    if len(taken) > room:
        if not command.allow_partial:
            raise DatasetFull(f"{len(taken)} rows do not fit: {state.totals.count} of {facts.spec.max_items} are taken")
        reason = f"capacity={facts.spec.max_items}, current={state.totals.count}, to_add={len(taken)}"
        refused.extend(RefusedRow(index=index, type=NO_ROOM, message=reason) for index, _, _ in taken[room:])
        taken = taken[:room]
    if not taken:
        if refused:
            raise DatasetRowsRefused(kept, refused)
        return ()
    now = int(context.now.timestamp() * 1_000_000)
    rows = tuple(
        Row(
            item_id=row.item_id,
            item_key=row.item_key or row.item_id,
            ordinal=state.totals.ever + place,
            digest=facts.digests[index],
            data=data,
            created_by=context.actor,
            created_at=now,
            index=index,
        )
        for place, (index, row, data) in enumerate(taken)
    )
    return (
        DatasetRowsAdded(
            dataset_id=command.dataset_id,
            schema_id=facts.schema_id,
            rows=rows,
            kept=tuple(kept),
            refused=tuple(refused),
            totals=after(state.totals, added=len(rows)),
        ),
    )


def change(state: Dataset, command: ChangeDatasetRow, facts: Facts) -> Decided:
    """The row with other data under its old key and place; nothing when it holds them already."""
    row = next((row for row in facts.standing if row.item_id == command.row.item_id), None)
    if row is None:
        raise DatasetRowMissing(f"item {command.row.item_id}")
    data = Columns(facts.fields).data(command.row.cells, facts.spec.max_item_bytes, Budget())
    if isinstance(data, tuple):
        raise (DatasetRowTooLarge if data[0] == TOO_LARGE else DatasetRowMismatched)(data[1])
    (digest,) = facts.digests
    if row.digest == digest:
        return ()
    changed = Row(
        item_id=row.item_id,
        item_key=row.item_key,
        ordinal=row.ordinal,
        digest=digest,
        data=data,
        created_by=row.created_by,
        created_at=row.created_at,
    )
    return (
        DatasetRowsChanged(
            dataset_id=command.dataset_id,
            schema_id=facts.schema_id,
            rows=(changed,),
            totals=after(state.totals),
        ),
    )


def remove(state: Dataset, command: RemoveDatasetRows, facts: Facts) -> Decided:
    """Those of the rows that are there leave the draft."""
    counted("item_ids", len(command.item_ids), command.max_rows)
    standing = {row.item_id for row in facts.standing}
    item_ids = tuple(item_id for item_id in dict.fromkeys(command.item_ids) if item_id in standing)
    if not item_ids:
        return ()
    return (
        DatasetRowsRemoved(
            dataset_id=command.dataset_id,
            item_ids=item_ids,
            totals=after(state.totals, removed=len(item_ids)),
        ),
    )


def clear(state: Dataset, command: ClearDatasetRows) -> Decided:
    """An empty draft."""
    if state.totals.count == 0:
        return ()
    return (DatasetCleared(dataset_id=command.dataset_id, totals=after(state.totals, removed=state.totals.count)),)


def counted(field: str, n: int, limit: int) -> None:
    """Refuses none, and more than a request may hold."""
    if not 1 <= n <= limit:
        raise DatasetRowCountInvalid(f"{field}: {n} rows, not 1 to {limit}")
