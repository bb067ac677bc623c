"""Spans as SDKs send them."""

from __future__ import annotations

from itertools import count
from typing import Any

NOW = 1_735_689_600_000_000
_numbers = count(1)


def span(**fields: Any) -> dict[str, Any]:
    """A span of space 70 with ids of its own; a field given as None is left out."""
    number = next(_numbers)
    whole = {
        "started_at_micros": NOW - 1_000_000,
        "duration_micros": 2_500,
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_id": "0",
        "workspace_id": "70",
        "span_name": "chat",
        "span_type": "model",
        "status_code": 0,
        "input": "in",
        "output": "out",
        "tags_string": {},
        "tags_long": {},
        "tags_double": {},
        "tags_bool": {},
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}
