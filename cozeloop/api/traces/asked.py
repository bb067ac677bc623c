"""What a question of traces says: its time, its filter, its page (behaviour.md §7.4 and §7.5)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from cozeloop.api.edge import ApiError
from cozeloop.api.traces.refusals import INVALID
from cozeloop.api.wire import observability as wire
from projections.traces.filters import Filter, FilterInvalid, Filters, condition
from projections.traces.queries import Cursor, Window
from projections.traces.table import literal

PLATFORMS = {
    "cozeloop": ("Custom",),
    "prompt": ("PromptPlayground", "PromptDebug", "PTaaS"),
    "evaluator": ("Evaluator",),
    "evaluation_target": ("EvalTarget",),
}
"""Platform type -> the call types that belong to it."""
LISTS = {"root_span": "is_root = 1", "llm_span": "span_type = 'model'", "all_span": ""}
MOST = 1000
"""Spans of one page."""


def invalid(text: str) -> ApiError:
    """The refusal of a parameter; the text begins with its name."""
    return ApiError(INVALID, f"invalid parameter,{text}")


def window(space: str, start: str | None, end: str | None, now: datetime, days: int) -> Window:
    """The time asked for, cut to the whole days that are kept; refuses one that lies outside."""
    first, last = int(start or 0), int(end or 0)
    if first <= 0 or last <= 0:
        raise invalid("start_time and end_time: must be greater than 0")
    if first > last:
        raise invalid("start_time: must not be later than end_time")
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    oldest, newest = _millis(today - timedelta(days=days)), _millis(today + timedelta(days=1)) - 1
    if last < oldest or first > newest:
        raise invalid(f"start_time and end_time: must touch the last {days} days")
    return Window(space, max(first, oldest) * 1000, min(last, newest) * 1000 + 999)


def platform(name: str | None) -> str:
    """The condition of a platform type."""
    types = PLATFORMS.get(name or "cozeloop")
    if types is None:
        raise invalid(f"platform_type: must be one of {', '.join(PLATFORMS)}")
    return f"call_type IN ({', '.join(map(literal, types))})"


def kind(name: str | None) -> str:
    """The condition of a span list type."""
    if (name or "root_span") not in LISTS:
        raise invalid(f"span_list_type: must be one of {', '.join(LISTS)}")
    return LISTS[name or "root_span"]


def filtered(filters: wire.FilterFields | None) -> str:
    """The condition of a filter."""
    if filters is None:
        return ""
    try:
        return condition(_filters(filters))
    except FilterInvalid as error:
        raise invalid(str(error)) from None


def size(page_size: int | None, default: int = 100) -> int:
    """How many spans a page has."""
    wanted = page_size or default
    if not 0 < wanted <= MOST:
        raise invalid(f"page_size: must be from 0 to {MOST}")
    return wanted


def cursor(token: str | None) -> Cursor | None:
    """Where a page token says that the page before ended."""
    if not token:
        return None
    try:
        said = orjson.loads(b64decode(token, validate=True))
        found = Cursor(said["StartTime"], said["SpanID"])
    except (ValueError, KeyError, TypeError):
        raise invalid("page_token: is none of this platform") from None
    if type(found.start_time) is not int or type(found.span_id) is not str or not 0 <= found.start_time < 1 << 62:
        raise invalid("page_token: is none of this platform")
    return found


def page_token(row: Any) -> str:
    """Where the page ends."""
    return b64encode(orjson.dumps({"StartTime": row["start_time"], "SpanID": row["span_id"]})).decode()


def _filters(filters: wire.FilterFields) -> Filters:
    fields = tuple(_field(f) for f in filters.filter_fields or ())
    return Filters(fields, filters.query_and_or or "and")


def _field(field: wire.FilterField) -> Filter:
    return Filter(
        name=field.field_name or "",
        kind=field.field_type or "",
        op=field.query_type or "",
        values=tuple(field.values or ()),
        custom=bool(field.is_custom),
        below=_filters(field.sub_filter) if field.sub_filter else None,
        joined=field.query_and_or or "and",
    )


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
