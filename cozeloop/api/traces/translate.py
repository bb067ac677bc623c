"""Rows of the table of spans as the contract shows them (behaviour.md §7.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cozeloop.api.values import milliseconds
from projections.traces.filters import KEPT, MILLISECONDS
from projections.traces.rows import tags_of

KNOWN_TYPES = frozenset(
    [
        "prompt",
        "model",
        "parser",
        "embedding",
        "memory",
        "plugin",
        "function",
        "graph",
        "remote",
        "loader",
        "transformer",
        "vector_store",
        "vector_retriever",
        "agent",
        "LLMCall",
    ]
)
UNKNOWN_TYPE = "unknwon"
"""The contract's own spelling."""
HIDDEN = "object_storage"


def output_span(row: Mapping[str, Any], original_tags: bool = False) -> dict[str, Any]:
    """One span."""
    strings, longs = tags_of(row, "tags_string"), tags_of(row, "tags_long")
    doubles, truths = tags_of(row, "tags_double"), tags_of(row, "tags_bool")
    system = {k: v for k, v in tags_of(row, "system_tags").items() if k != HIDDEN}
    shown_longs = {k: v // 1000 if k in MILLISECONDS else v for k, v in longs.items()}
    span: dict[str, Any] = {
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "parent_id": row["parent_id"],
        "span_name": row["span_name"],
        "span_type": row["span_type"],
        "type": row["span_type"] if row["span_type"] in KNOWN_TYPES else UNKNOWN_TYPE,
        "started_at": milliseconds(row["start_time"]),
        "duration": milliseconds(row["duration"]),
        "status": "success" if row["status_code"] == 0 else "error",
        "status_code": row["status_code"],
        "input": row.get("input", ""),
        "output": row.get("output", ""),
        "logic_delete_date": milliseconds(row["start_time"] + KEPT),
        "service_name": row["service_name"],
        "logid": row["logid"],
        "call_type": row["call_type"],
        "custom_tags": {k: flat(v) for k, v in (truths | doubles | shown_longs | strings).items()},
        "system_tags": {k: flat(v) for k, v in system.items()},
        "annotations": [],
    }
    if original_tags:
        span |= {
            "tags_string": strings,
            "tags_long": {k: str(v) for k, v in longs.items()},
            "tags_double": {k: float(v) for k, v in doubles.items()},
            "tags_bool": truths,
            "system_tags_string": {k: v for k, v in system.items() if isinstance(v, str)},
            "system_tags_long": {k: str(v) for k, v in system.items() if isinstance(v, int)},
            "system_tags_double": {k: v for k, v in system.items() if isinstance(v, float)},
        }
    return span


def flat(value: Any) -> str:
    """A tag's value as text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
