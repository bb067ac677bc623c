"""Rows: what their cells come to under a schema, what is wrong with them, and the digest of a whole content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from commands.datasets.messages import Cell
from commands.datasets.schema import available
from commands.datasets.text_schema import Budget, compiled
from events.datasets import Data, Field

MISMATCHED = 1
EMPTY = 2
TOO_LARGE = 3
NO_ROOM = 4
REQUIRED_MISSING = 7
TOO_DEEP = 8
TOO_MANY_PARTS = 14
"""The contract's numbers of item errors (ItemErrorType)."""

MAX_DEPTH = 5
MAX_PARTS = 100
Wrong = tuple[int, str]


class Columns:
    """The fields that rows follow, looked up by key and by name."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.available = available(fields)
        self._by_key = {field.key: field for field in fields}
        self._by_name = {field.name: field for field in self.available}

    def resolve(self, cells: Iterable[Cell]) -> tuple[Data, list[str]]:
        """The cells by field key, and what names no field. A deleted field's cell is left out of account."""
        data: Data = {}
        unknown: list[str] = []
        for cell in cells:
            field = self._by_key.get(cell.key) if cell.key else self._by_name.get(cell.name)
            if field is None:
                unknown.append(cell.key or cell.name)
            elif field.status == "available":
                data[field.key] = {"content_type": field.content_type, **cell.content}
        return data, unknown

    def data(self, cells: Sequence[Cell], max_bytes: int, budget: Budget) -> Data | Wrong:
        """The row's data, or the first thing that keeps it out: the contract's error type and a sentence."""
        if not cells:
            return EMPTY, "the row has no data"
        if any(too_deep(cell.content) for cell in cells):
            return TOO_DEEP, f"parts are nested more than {MAX_DEPTH} deep"
        data, unknown = self.resolve(cells)
        if unknown:
            return MISMATCHED, f"no such field: {', '.join(unknown)}"[:300]
        if len(to_json(data)) > max_bytes:
            return TOO_LARGE, f"the row has more than {max_bytes} bytes"
        for field in self.available:
            content = data.get(field.key)
            if content is None or _blank(content):
                if field.is_required:
                    return REQUIRED_MISSING, f"field {field.name!r} is required"
            elif found := _content_wrong(field, content, budget):
                return found
        return data


def too_deep(content: dict[str, Any], depth: int = 1) -> bool:
    """Whether parts lie within parts beyond what a row may hold."""
    parts = content.get("multi_part") or ()
    return bool(parts) and (depth >= MAX_DEPTH or any(too_deep(part, depth + 1) for part in parts))


def _blank(content: dict[str, Any]) -> bool:
    """Whether nothing but its type and format is set."""
    return not any(value for name, value in content.items() if name not in {"content_type", "format"})


def _content_wrong(field: Field, content: dict[str, Any], budget: Budget) -> Wrong | None:
    given = content["content_type"]
    if given != field.content_type and not (field.content_type == "MultiPart" and given == "multi_part_variable"):
        return MISMATCHED, f"field {field.name!r} holds {field.content_type}, not {given}"
    if field.content_type == "MultiPart" and len(content.get("multi_part") or ()) > MAX_PARTS:
        return TOO_MANY_PARTS, f"field {field.name!r} has more than {MAX_PARTS} parts"
    if field.content_type != "Text" or not field.text_schema:
        return None
    reason = compiled(field.text_schema).wrong(content.get("text") or "", budget)
    return (MISMATCHED, f"field {field.name!r}: {reason}") if reason else None


def content_digest(pages: Iterable[Sequence[str]]) -> str:
    """SHA-256 over a line ``item_id:digest`` for each row, ids rising as numbers: what a content is known by.

    Whatever pages the lines come in, it is the same.
    """
    digest = hashlib.sha256()
    for lines in pages:
        digest.update("".join([f"{line}\n" for line in lines]).encode())
    return digest.hexdigest()
