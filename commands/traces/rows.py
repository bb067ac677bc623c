"""A row of the trace table before it is one: its fields, and the line of JSON that ClickHouse reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

TEXTS = ("model_name", "model_provider", "user_id", "thread_id", "message_id", "prompt_key", "prompt_version")
"""Tags of texts that are columns of their own."""
LONGS = ("input_tokens", "output_tokens")
NO_TAGS: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """A checked span; times and durations in microseconds. Tags that are columns stand among the tags here."""

    trace_id: str
    span_id: str
    start_time: int
    space_id: int
    span_name: str
    span_type: str
    call_type: str
    parent_id: str = "0"
    duration: int = 0
    status_code: int = 0
    service_name: str = ""
    logid: str = ""
    method: str = ""
    input: str = ""
    output: str = ""
    tags_string: Mapping[str, str] = NO_TAGS
    tags_long: Mapping[str, int] = NO_TAGS
    tags_double: Mapping[str, float] = NO_TAGS
    tags_bool: Mapping[str, bool] = NO_TAGS
    system_tags: Mapping[str, Any] = NO_TAGS


def line(row: Row) -> bytes:
    """The row's JSON. Trace id, span id and start time come first; whoever moves rows relies on it."""
    strings, longs = {**row.tags_string}, {**row.tags_long}
    made: dict[str, Any] = {
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "start_time": row.start_time,
        "space_id": row.space_id,
        "parent_id": row.parent_id,
        "duration": row.duration,
        "span_name": row.span_name,
        "span_type": row.span_type,
        "call_type": row.call_type,
        "status_code": row.status_code,
        "service_name": row.service_name,
        "logid": row.logid,
        "method": row.method,
    }
    for name in TEXTS:
        if strings.get(name):
            made[name] = strings.pop(name)
    for name in LONGS:
        if longs.get(name):
            made[name] = longs.pop(name)
    made["input"] = row.input
    made["output"] = row.output
    made["tags_string"] = _keyed(strings)
    made["tags_long"] = _keyed(longs)
    made["tags_double"] = _keyed(row.tags_double)
    made["tags_bool"] = _keyed(row.tags_bool)
    made["system_tags"] = _keyed(row.system_tags)
    return orjson.dumps(made)


def _keyed(tags: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dot in a key would make a path of it."""
    names = "".join(tags)
    if "." in names or "%" in names:
        return {key.replace("%", "%25").replace(".", "%2E"): value for key, value in tags.items()}
    return tags if type(tags) is dict else {**tags}
