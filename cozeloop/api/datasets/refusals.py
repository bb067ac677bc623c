"""The contract's codes for what a dataset's rules refuse (behaviour.md §5.7, §6.7)."""

from __future__ import annotations

from commands.command import Refusal
from commands.datasets import messages as rules

INVALID_PARAM = 601200202
NOT_FOUND = 601203004
DATA_BAD_REQUEST = 601100201
DATA_INVALID_PARAM = 601100202
DATA_NOT_FOUND = 601103001
ORDER_UNSUPPORTED = 601104505

CODES: dict[type[Refusal], tuple[int, str]] = {
    rules.DatasetMissing: (NOT_FOUND, "evaluation set not found"),
    rules.DatasetFieldInvalid: (INVALID_PARAM, "invalid param"),
    rules.DatasetNameTaken: (601104504, "duplicate name"),
    rules.DatasetSchemaInvalid: (DATA_INVALID_PARAM, "invalid schema"),
    rules.DatasetSchemaIncompatible: (601104502, "incompatible schema"),
    rules.DatasetVersionInvalid: (DATA_INVALID_PARAM, "invalid version"),
    rules.DatasetClosed: (601104006, "dataset is not editable"),
    rules.DatasetRowMissing: (DATA_NOT_FOUND, "item not found"),
    rules.DatasetRowCountInvalid: (DATA_INVALID_PARAM, "invalid param"),
    rules.DatasetRowKeyInvalid: (DATA_BAD_REQUEST, "bad request"),
    rules.DatasetFull: (601104501, "dataset capacity exceeded"),
    rules.DatasetRowMismatched: (601104506, "item does not match the schema"),
    rules.DatasetRowTooLarge: (601104507, "item is too large"),
    rules.DatasetRowsRefused: (601104506, "items do not match the schema"),
}
"""Refusal -> code and base message."""
