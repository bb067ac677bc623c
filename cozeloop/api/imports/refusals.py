"""The contract's codes for what an import's rules refuse (behaviour.md §5.7)."""

from __future__ import annotations

from commands.command import Refusal
from commands.datasets import import_messages as rules

INVALID_PARAM = 601100202
NOT_FOUND = 601103001
FILE_NOT_FOUND = 601104001
TOO_MANY = 601104503

CODES: dict[type[Refusal], tuple[int, str]] = {
    rules.ImportMappingInvalid: (INVALID_PARAM, "invalid param"),
    rules.ImportOver: (NOT_FOUND, "import not found"),
    rules.ImportPagePassed: (TOO_MANY, "concurrent operations"),
}
"""Refusal -> code and base message."""
