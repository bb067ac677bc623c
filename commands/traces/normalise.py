"""Spans as SDKs send them, made into rows of the trace table, as bytes.

A row begins with trace id, span id and start time, always in this order and form, so that whoever moves rows reads
these three without reading the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from commands.traces import reading
from commands.traces.clipping import CONTENT_BYTES, OBJECTS_BYTES, Clipper
from commands.traces.refusals import SpansInvalid, SpanUnreadable
from commands.traces.rows import Row, line

HOUR = 3_600_000_000
OLDEST = 24 * HOUR
"""Microseconds that a span may have begun before it arrives."""
NEWEST = HOUR
"""Microseconds that a sender's clock may be ahead."""
SYSTEM_TAGS = frozenset(
    [
        "dc",
        "pod_name",
        "cluster",
        "deploy_stage",
        "env",
        "language",
        "runtime",
        "cut_off",
        "report_source",
        "tool_input_tokens",
        "tool_output_tokens",
        "model_system_tokens",
        "model_tool_choice_tokens",
    ]
)
DURATIONS = frozenset(
    [
        "start_time_first_resp",
        "latency_first_resp",
        "start_time_first_token_resp",
        "latency_first_token_resp",
        "reasoning_duration",
        "input_tokens",
        "output_tokens",
        "tokens",
    ]
)
"""Tags that are never negative."""
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Rejected:
    """A span that is not kept: its place in the request, and why."""

    index: int
    reason: str


@dataclass(frozen=True)
class Normalised:
    """The rows of one request, and what is not among them."""

    lines: list[bytes]
    rejected: list[Rejected]


def workspace(spans: Any, most: int) -> str:
    """The workspace of all spans; raises SpansInvalid and SpanUnreadable."""
    if spans is None or spans == []:
        raise SpansInvalid("spans: at least one is needed")
    if not isinstance(spans, list):
        raise SpanUnreadable("spans: must be a list")
    if len(spans) > most:
        raise SpansInvalid(f"spans: {len(spans)} are more than {most}")
    for index, span in enumerate(spans):
        if type(span) is not dict:
            raise SpanUnreadable(f"spans.{index}: must be an object")
    found = {reading.text(span, "workspace_id", i) for i, span in enumerate(spans)}
    if len(found) > 1:
        raise SpansInvalid("spans: all must have the same workspace_id")
    space = found.pop()
    if not (space.isascii() and space.isdigit() and 0 < int(space) < 1 << 63):
        raise SpansInvalid("spans.0.workspace_id: must be a number in decimal text")
    return str(int(space))


def normalise(spans: Sequence[Mapping[str, Any]], space: str, now: int) -> Normalised:
    """Rows for spans of one workspace that arrive at ``now`` (microseconds); raises SpanUnreadable.

    A span with impossible ids or a start out of reason is rejected; the others are kept, clipped.
    """
    lines: list[bytes] = []
    rejected: list[Rejected] = []
    for index, span in enumerate(spans):
        row = _row(span, space, index)
        if reason := _reason(row, now):
            rejected.append(Rejected(index, reason))
        else:
            lines.append(line(row))
    return Normalised(lines, rejected)


def _row(span: Mapping[str, Any], space: str, index: int) -> Row:
    cut = Clipper()

    def text(name: str) -> str:
        value = reading.text(span, name, index)
        return cut.field(name, value) if value else ""

    duration = reading.integer(span, "duration", index)
    micros = reading.integer(span, "duration_micros", index)
    input_ = cut.field("input", reading.text(span, "input", index), CONTENT_BYTES)
    output = cut.field("output", reading.text(span, "output", index), CONTENT_BYTES)
    reading.text(span, "call_type", index)  # read for its type alone: what an SDK sends is always "Custom"
    strings = cut.texts(reading.texts(span, "tags_string", index))
    data = cut.texts(reading.texts(span, "tags_bytes", index))
    doubles = cut.some(reading.numbers(span, "tags_double", index))
    longs = cut.some(reading.integers(span, "tags_long", index))
    truths = cut.some(reading.truths(span, "tags_bool", index))
    return Row(
        trace_id=reading.text(span, "trace_id", index),
        span_id=reading.text(span, "span_id", index),
        start_time=reading.integer(span, "started_at_micros", index) or 0,
        space_id=int(space),
        parent_id=text("parent_id"),
        duration=max(0, micros if micros is not None else duration or 0),
        span_name=text("span_name"),
        span_type=text("span_type"),
        call_type="Custom",
        status_code=reading.integer(span, "status_code", index, 32) or 0,
        service_name=text("service_name"),
        logid=text("log_id"),
        method=text("method"),
        input=input_,
        output=output,
        tags_string=data | strings,
        tags_long=longs if not longs or min(longs.values()) >= 0 else _natural(longs),
        tags_double=doubles,
        tags_bool=truths,
        system_tags=_system(span, index, cut),
    )


def _natural(longs: Mapping[str, int]) -> Mapping[str, int]:
    return {k: max(0, v) if k in DURATIONS else v for k, v in longs.items()}


def _system(span: Mapping[str, Any], index: int, cut: Clipper) -> dict[str, Any]:
    """The system tags that are known, where large values lie, and the names of what was clipped."""
    strings = reading.texts(span, "system_tags_string", index)
    known: dict[str, Any] = {key: cut.field(key, value) for key, value in strings.items() if key in SYSTEM_TAGS}
    others = reading.integers(span, "system_tags_long", index) | reading.numbers(span, "system_tags_double", index)
    known |= {key: value for key, value in others.items() if key in SYSTEM_TAGS}
    if objects := cut.field("object_storage", reading.text(span, "object_storage", index), OBJECTS_BYTES):
        known["object_storage"] = objects
    known["clip_fields"] = orjson.dumps(cut.clipped).decode()
    return known


def _reason(row: Row, now: int) -> str:
    """Why a span is not kept, empty when it is."""
    if len(row.trace_id) != 32 or not _HEX.issuperset(row.trace_id) or row.trace_id == "0" * 32:
        return "trace_id: must be 32 lower-case hex digits, not all 0"
    if len(row.span_id) != 16 or not _HEX.issuperset(row.span_id) or row.span_id == "0" * 16:
        return "span_id: must be 16 lower-case hex digits, not all 0"
    if not now - OLDEST <= row.start_time <= now + NEWEST:
        return "started_at_micros: must lie within the last 24 hours and the next one"
    return ""
