"""Facts of read models for commands on datasets, standing where the content's stream ends (`cozeloop.handling`).

Rows are asked for as they stood at the revision that the append expects, whatever came after: so uniqueness, capacity
and a version's digest hold although no database constraint does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from commands.datasets.dataset import rows_stream
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
from cozeloop.api.edge import Edge
from cozeloop.api.facts import standing_at
from cozeloop.api.values import canonical
from cozeloop.handling import Prepare, Tails
from events.datasets import Field, Spec
from projections.datasets.datasets import DATASETS, get_dataset
from projections.datasets.rows import DATASET_ROWS, Row, get_rows, row_hashes, rows_by_key


def facts_for(edge: Edge) -> Prepare:
    """What the read models say of the dataset and of the rows that a command on content names."""

    async def prepare(command: RowsCommand, tails: Tails) -> RowsCommand:
        await standing_at(edge, tails, DATASETS, DATASET_ROWS)
        dataset = await edge.ask(get_dataset, command.dataset_id)
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
            standing=tuple(_standing(row) for row in await named_rows(edge, command, revision)),
            digests=await digests_of(edge, command, Columns(fields)),
        )
        return command.model_copy(update={"facts": facts})

    return prepare


def digest_for(edge: Edge) -> Prepare:
    """The digest of the content that a version will name."""

    async def prepare(command: CreateDatasetVersion, tails: Tails) -> CreateDatasetVersion:
        await standing_at(edge, tails, DATASET_ROWS)
        revision = tails[str(rows_stream(command.space_id, command.dataset_id))].version
        return command.model_copy(update={"digest": await edge.ask(_digest_at, command.dataset_id, revision)})

    return prepare


async def named_rows(edge: Edge, command: RowsCommand, revision: int) -> Sequence[Row]:
    """The rows that a command names, as they stand at a revision."""
    match command:
        case AddDatasetRows():
            keys = [row.item_key or row.item_id for row in command.rows]
            return await edge.ask(rows_by_key, command.dataset_id, revision, keys)
        case ChangeDatasetRow():
            return await edge.ask(get_rows, command.dataset_id, revision, [command.row.item_id])
        case RemoveDatasetRows():
            return await edge.ask(get_rows, command.dataset_id, revision, command.item_ids)
        case _:
            return ()


async def digests_of(edge: Edge, command: RowsCommand, columns: Columns) -> tuple[str, ...]:
    """The keyed digest of each row that a command brings."""
    rows: Sequence[GivenRow] = ()
    if isinstance(command, AddDatasetRows):
        rows = command.rows
    elif isinstance(command, ChangeDatasetRow):
        rows = (command.row,)
    digest = edge.platform.keys.digest
    return tuple([await digest(command.space_id, canonical(columns.resolve(row.cells)[0])) for row in rows])


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
    return content_digest(row_hashes(conn, dataset_id, revision))
