"""The filter grammar of spans (behaviour.md §7.4), made into a condition of ClickHouse's SQL.

What a filter asks of a tag that a span does not have is false, except for the questions that say not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from projections.traces.rows import LONG_COLUMNS, TEXT_COLUMNS, escaped
from projections.traces.table import literal

Kind = Literal["string", "long", "double", "bool"]

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*")
MOST = 500
"""Conditions of one filter."""
DEEPEST = 50
KEPT = 365 * 86_400_000_000
"""Microseconds for which a span is said to be kept."""
TEXTS: Mapping[str, str] = {
    **{name: name for name in ("span_id", "trace_id", "parent_id", "call_type", "logid", "span_type", "span_name")},
    **{name: name for name in ("method", "input", "output", *TEXT_COLUMNS)},
    "psm": "service_name",
    "service_name": "service_name",
    "object_storage": "system_tags.object_storage.:String",
}
LONGS: Mapping[str, str] = {
    **{name: name for name in ("start_time", "duration", "space_id", "status_code", *LONG_COLUMNS)},
    "logic_delete_date": f"(start_time + {KEPT})",
}
MILLISECONDS = frozenset(
    [
        "duration",
        "latency_first_resp",
        "start_time_first_resp",
        "latency_first_token_resp",
        "start_time_first_token_resp",
        "reasoning_duration",
    ]
)
"""Stored in microseconds, asked for in milliseconds, and only as whole numbers."""
MAPS: Mapping[Kind, tuple[str, str, str]] = {
    "string": ("tags_string", "String", "''"),
    "long": ("tags_long", "Int64", "0"),
    "double": ("tags_double", "Float64", "0"),
    "bool": ("tags_bool", "Bool", "false"),
}
ALLOWED: Mapping[Kind, frozenset[str]] = {
    "string": frozenset(["match", "not_match", "in", "not_in", "eq", "not_eq", "exist", "not_exist"]),
    "long": frozenset(["gte", "lte", "gt", "lt", "in", "not_in", "eq", "not_eq", "exist", "not_exist"]),
    "double": frozenset(["gte", "lte", "gt", "lt", "in", "not_in", "eq", "not_eq", "exist", "not_exist"]),
    "bool": frozenset(["eq", "in", "not_in", "exist", "not_exist"]),
}
COMPARED = {"eq": "=", "gte": ">=", "lte": "<=", "gt": ">", "lt": "<"}


class FilterInvalid(ValueError):
    """A filter breaks the grammar; the text begins with the field's path."""


@dataclass(frozen=True)
class Filter:
    """One field, with a filter of its own below it, joined by its own and-or."""

    name: str
    kind: str = "string"
    op: str = ""
    values: Sequence[str] = ()
    custom: bool = False
    below: Filters | None = None
    joined: str = "and"


@dataclass(frozen=True)
class Filters:
    """Fields joined by and, or by or."""

    fields: Sequence[Filter] = ()
    joined: str = "and"


def condition(filters: Filters, path: str = "filters") -> str:
    """The SQL of a filter, empty for one without fields; raises FilterInvalid."""
    if _count(filters, DEEPEST) > MOST:
        raise FilterInvalid(f"{path}: more than {MOST} conditions")
    return _all(filters, path)


def _count(filters: Filters, left: int) -> int:
    if left == 0:
        raise FilterInvalid("filters: nested too deeply")
    return sum(1 + (_count(f.below, left - 1) if f.below else 0) for f in filters.fields)


def _all(filters: Filters, path: str) -> str:
    joined = _relation(filters.joined, f"{path}.query_and_or")
    conditions = [_one(f, f"{path}.filter_fields.{i}") for i, f in enumerate(filters.fields)]
    return _join(joined, conditions)


def _one(field: Filter, path: str) -> str:
    own = _asked(field, path) if field.name or field.op else ""
    below = _all(field.below, f"{path}.sub_filter") if field.below else ""
    return _join(_relation(field.joined, f"{path}.query_and_or"), [own, below])


def _join(word: str, conditions: Sequence[str]) -> str:
    given = [c for c in conditions if c]
    return f"({f' {word} '.join(given)})" if len(given) > 1 else "".join(given)


def _relation(word: str, path: str) -> str:
    if word.lower() not in ("and", "or"):
        raise FilterInvalid(f"{path}: must be and, or or")
    return word.upper()


def _asked(field: Filter, path: str) -> str:
    if not NAME.fullmatch(field.name):
        raise FilterInvalid(f"{path}.field_name: must be a name of letters, digits, dots and underscores")
    if field.name.startswith("manual_feedback_"):
        raise FilterInvalid(f"{path}.field_name: feedback cannot be asked for")
    if field.name == "status" and not field.custom:
        return _status(field, path)
    kind = _kind(field, path)
    if field.op not in ALLOWED[kind]:
        raise FilterInvalid(f"{path}.query_type: {field.op[:40]!r} is not allowed for {kind}")
    column, zero, read = _place(field, kind)
    if field.op in ("exist", "not_exist"):
        return f"ifNull({column}, {zero}) {'!=' if field.op == 'exist' else '='} {zero}"
    values = [_value(v, read, field, f"{path}.values.{i}") for i, v in enumerate(field.values)]
    if not values or (len(values) > 1 and field.op not in ("in", "not_in")):
        raise FilterInvalid(f"{path}.values: {field.op} takes {'one value' if values else 'at least one value'}")
    return _compared(field.op, column, zero, values)


def _compared(op: str, column: str, zero: str, values: Sequence[str]) -> str:
    if op in COMPARED:
        return f"ifNull({column} {COMPARED[op]} {values[0]}, false)"
    if op == "match":
        return f"ifNull(position({column}, {values[0]}) > 0, false)"
    if op == "not_match":
        return f"position(ifNull({column}, {zero}), {values[0]}) = 0"
    if op == "in":
        return f"ifNull({column} IN ({', '.join(values)}), false)"
    return f"ifNull({column}, {zero}) NOT IN ({', '.join(values)})"


def _kind(field: Filter, path: str) -> Kind:
    kinds: Mapping[str, Kind] = {"": "string", "string": "string", "long": "long", "double": "double", "bool": "bool"}
    kind = kinds.get(field.kind)
    if kind is None:
        raise FilterInvalid(f"{path}.field_type: must be string, long, double or bool")
    if field.name in MILLISECONDS and kind != "long":
        raise FilterInvalid(f"{path}.field_type: {field.name} is a long")
    return kind


def _place(field: Filter, kind: Kind) -> tuple[str, str, Kind]:
    """Where the value lies, its zero, and as what the values asked for are read."""
    if not field.custom and field.name in LONGS and (kind == "long" or field.name not in LONG_COLUMNS):
        return LONGS[field.name], "0", "long"
    if field.name in LONG_COLUMNS and kind == "long":
        return field.name, "0", kind
    if (not field.custom or field.name in TEXT_COLUMNS) and field.name in TEXTS and kind == "string":
        return TEXTS[field.name], "''", kind
    column, type_, zero = MAPS[kind]
    return f"{column}.`{escaped(field.name)}`.:{type_}", zero, kind


def _value(value: str, kind: Kind, field: Filter, path: str) -> str:
    readers: Mapping[Kind, Callable[[str], str | int | float | bool]] = {
        "string": str,
        "long": _whole,
        "double": _number,
        "bool": _truth,
    }
    try:
        read = readers[kind](value)
    except ValueError:
        raise FilterInvalid(f"{path}: {value[:40]!r} is not a {kind}") from None
    return literal(read * 1000 if field.name in MILLISECONDS and isinstance(read, int) else read)


def _whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError(value)
    return int(value)


def _number(value: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?", value):
        raise ValueError(value)
    number = float(value)
    if number in (float("inf"), float("-inf")):
        raise ValueError(value)
    return number


def _truth(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise ValueError(value)
    return value.lower() in ("true", "1")


def _status(field: Filter, path: str) -> str:
    wanted = set(field.values)
    if field.op != "in" or not wanted or not wanted <= {"success", "error"}:
        raise FilterInvalid(f"{path}: status takes in, with success, error or both")
    if len(wanted) == 2:
        return "true"
    return "status_code = 0" if "success" in wanted else "status_code != 0"
