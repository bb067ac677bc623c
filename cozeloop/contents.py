"""Facts of read models for commands on datasets, standing where the content's stream ends (`cozeloop.handling`).

Rows are asked for as they stood at the revision that the append expects, whatever came after: so uniqueness, capacity
and a version's digest hold although no database constraint does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection

from commands.datasets.dataset import rows_stream
from commands.datasets.import_messages import AddImportedRows, SoFar
from commands.datasets.messages import (
    AddDatasetRows,
    ChangeDatasetRow,
    CreateDatasetVersion,
    Facts,
    GivenRow,
    RemoveDatasetRows,
    RowsCommand,
    StandingRow,
)
from commands.datasets.rows import Columns, content_digest
from cozeloop.handling import Contended, Prepare, Tails
from cozeloop.platform import Platform
from events.datasets import Field, ImportProgress, Spec
from projections.datasets.datasets import DATASETS, get_dataset
from projections.datasets.hashes import hash_lines
from projections.datasets.rows import DATASET_ROWS, Row, get_rows, rows_between, rows_by_key
from projections.imports.imports import IMPORTS, UNFINISHED, get_import
from projections.projector import ReadModel
from projections.reading import json_of


class Reads(Protocol):
    """Who reads: the edge of a request, or a worker."""

    platform: Platform

    @property
    def ask(self) -> Callable[..., Awaitable[Any]]:
        """One query on the read database."""
        ...


def facts_for(reads: Reads) -> Prepare:
    """What the read models say of the dataset and of the rows that a command on content names."""

    async def prepare(command: RowsCommand, tails: Tails) -> RowsCommand:
        await standing_at(reads, tails, DATASETS, DATASET_ROWS)
        dataset = await reads.ask(get_dataset, command.dataset_id)
        if dataset is None:
            return command
        fields = tuple(Field.model_validate(field) for field in dataset["fields"])
        revision = tails[str(rows_stream(command.space_id, command.dataset_id))].version
        facts = Facts(
            schema_id=dataset["schema_id"],
            fields=fields,
            spec=Spec(
                max_items=dataset["max_items"],
                max_fields=dataset["max_fields"],
                max_item_bytes=dataset["max_item_bytes"],
            ),
            standing=tuple(_standing(row) for row in await named_rows(reads, command, revision)),
            digests=await digests_of(reads, command, Columns(fields)),
        )
        return command.model_copy(update={"facts": facts})

    return prepare


def page_facts_for(reads: Reads) -> Prepare:
    """What a page of an import rests on: the same, and how far the import has come there."""
    facts = facts_for(reads)

    async def prepare(command: AddImportedRows, tails: Tails) -> AddImportedRows:
        await standing_at(reads, tails, IMPORTS)
        prepared: AddImportedRows = await facts(command, tails)
        row = await reads.ask(get_import, command.job_id)
        return prepared.model_copy(update={"so_far": so_far(row) if row else None})

    return prepare


def so_far(row: Row) -> SoFar:
    """How far an import has come."""
    progress = ImportProgress(
        rows=row["rows_read"], added=row["added"], refused=row["refused"], full=bool(row["is_full"])
    )
    over = row["status"] not in UNFINISHED
    return SoFar(progress=progress, errors=orjson.loads(row["errors"]), over=over)


def digest_for(reads: Reads) -> Prepare:
    """The digest of the content that a version will name."""

    async def prepare(command: CreateDatasetVersion, tails: Tails) -> CreateDatasetVersion:
        await standing_at(reads, tails, DATASET_ROWS)
        revision = tails[str(rows_stream(command.space_id, command.dataset_id))].version
        return command.model_copy(update={"digest": await reads.ask(_digest_at, command.dataset_id, revision)})

    return prepare


async def standing_at(reads: Reads, tails: Tails, *models: ReadModel) -> None:
    """Waits until the models show everything that the append rests on; raises Contended when they stay behind."""
    position = max(tail.position for tail in tails.values())
    positions, limit = reads.platform.positions, reads.platform.settings.read_wait_seconds
    for model in models:
        if positions.of(model.name) < position and not await positions.reached(model.name, position, limit):
            raise Contended(f"read model {model.name} has not come to position {position}")


async def named_rows(reads: Reads, command: RowsCommand, revision: int) -> Sequence[Row]:
    """The rows that a command names, as they stand at a revision."""
    match command:
        case AddImportedRows():
            if not command.rows:
                return ()
            first, last = command.rows[0].item_id, command.rows[-1].item_id
            return list(await reads.ask(rows_between, command.dataset_id, revision, first, last))
        case AddDatasetRows():
            keys = [row.item_key or row.item_id for row in command.rows]
            return await reads.ask(rows_by_key, command.dataset_id, revision, keys)
        case ChangeDatasetRow():
            return await reads.ask(get_rows, command.dataset_id, revision, [command.row.item_id])
        case RemoveDatasetRows():
            return await reads.ask(get_rows, command.dataset_id, revision, command.item_ids)
        case _:
            return ()


async def digests_of(reads: Reads, command: RowsCommand, columns: Columns) -> tuple[str, ...]:
    """The keyed digest of each row that a command brings."""
    rows: Sequence[GivenRow] = ()
    if isinstance(command, AddDatasetRows | AddImportedRows):
        rows = command.rows
    elif isinstance(command, ChangeDatasetRow):
        rows = (command.row,)
    digest = reads.platform.keys.digest
    return tuple([await digest(command.space_id, json_of(columns.resolve(row.cells)[0])) for row in rows])


def _standing(row: Row) -> StandingRow:
    return StandingRow(
        item_id=row["item_id"],
        item_key=row["item_key"],
        ordinal=row["ordinal"],
        digest=row["hash"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _digest_at(conn: Connection, dataset_id: str, revision: int) -> str:
    return content_digest(hash_lines(conn, dataset_id, revision))
