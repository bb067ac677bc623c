"""A row of the table of spans as it comes back: tags under the names that they were sent with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.traces.table import CONTENT, READ

TAGS = ("tags_string", "tags_long", "tags_double", "tags_bool", "system_tags")
TEXT_COLUMNS = ("model_name", "model_provider", "user_id", "thread_id", "message_id", "prompt_key", "prompt_version")
"""Tags of texts that are columns."""
LONG_COLUMNS = ("input_tokens", "output_tokens")
MISSING: Mapping[str, Any] = {"duration": 0, "status_code": 0, "input_tokens": 0, "output_tokens": 0}


def tags_of(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    """One map of tags, with those that are columns."""
    found = {unescaped(key): value for key, value in row[column].items()}
    names = {"tags_string": TEXT_COLUMNS, "tags_long": LONG_COLUMNS}.get(column, ())
    return found | {name: row[name] for name in names if row[name]}


def unescaped(key: str) -> str:
    """A tag's name: dots do not stand for themselves in ClickHouse's paths."""
    return key.replace("%2E", ".").replace("%25", "%") if "%" in key else key


def escaped(key: str) -> str:
    """The other way."""
    return key.replace("%", "%25").replace(".", "%2E")


def same(stored: Mapping[str, Any] | None, sent: Mapping[str, Any]) -> bool:
    """Whether a stored row says what a line says. Absent is empty; a whole number may come back without its point."""
    if stored is None:
        return False
    return all(
        stored[name] == sent.get(name, {} if name in TAGS else MISSING.get(name, "")) for name in (*READ, *CONTENT)
    )
