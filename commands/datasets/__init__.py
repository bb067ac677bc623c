"""Datasets: named collections of rows under a schema, filled page by page, versioned without copying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.datasets.dataset import ROWS, UNBORN, content_streams, evolve, streams
from commands.datasets.decide import decide
from commands.datasets.decide_rows import decide_rows
from commands.datasets.import_messages import AddImportedRows, BeginImport, EndImport, RequestImport
from commands.datasets.imports import UNASKED, decide_import, evolve_import, import_streams
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

_OF_CONTENT: frozenset[str] = frozenset({ROWS})
_DEFINITION: Decider[Any, Any] = Decider(UNBORN, streams, evolve, decide, last_only=_OF_CONTENT)
_CONTENT: Decider[Any, Any] = Decider(UNBORN, content_streams, evolve, decide_rows, last_only=_OF_CONTENT)
_IMPORT: Decider[Any, Any] = Decider(UNASKED, import_streams, evolve_import, decide_import, last_only=_OF_CONTENT)

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateDataset: Decider(UNBORN, streams, evolve, decide, blind=True),
    RenameDataset: _DEFINITION,
    ChangeDatasetSchema: _DEFINITION,
    CreateDatasetVersion: _DEFINITION,
    DeleteDataset: _DEFINITION,
    AddDatasetRows: _CONTENT,
    ChangeDatasetRow: _CONTENT,
    RemoveDatasetRows: _CONTENT,
    ClearDatasetRows: _CONTENT,
    AddImportedRows: _CONTENT,
    RequestImport: Decider(UNASKED, import_streams, evolve_import, decide_import, blind=True),
    BeginImport: _IMPORT,
    EndImport: _IMPORT,
}
