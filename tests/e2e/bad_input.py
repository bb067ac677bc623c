"""Where a request can be wrong: every field of a declared endpoint, and what does not belong there."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.endpoints import Call

DOCUMENT = Path(__file__).parents[2] / "cozeloop" / "api" / "openapi.json"
DEEPEST = 4
IN_LIST, IN_MAP = "[]", "{}"
"""Steps of a field's place that are no names."""
NOT_LISTENED_TO = {"session"}
ODD = ["a.b", "*", ">", "a b", " ", ".", "..", "a.*.>", "$JS.API", "a/b", "%2e", "ключ", "😀", "a\nb", "' or 1=1 --"]
"""Keys that mean something elsewhere: in subjects, patterns, paths and statements."""

Place = tuple[str, ...]
Schema = dict[str, Any]


def endpoints() -> list[Call]:
    """Every declared endpoint that takes input."""
    document = json.loads(DOCUMENT.read_text())
    schemas = document["components"]["schemas"]
    found = [
        Call(method.upper(), path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "operationId" in operation and "security" in operation
    ]
    return sorted(found, key=lambda c: (c.method == "DELETE" or c.path.endswith(("/clear", "/logout")), c.path))


def fields(call: Call) -> Iterator[tuple[Place, Schema]]:
    """Every field of the body, deep ones too, with its schema. A type inside itself is entered once."""
    yield from _below(call, call.asked or {}, (), frozenset())


def _below(call: Call, schema: Schema, place: Place, entered: frozenset[str]) -> Iterator[tuple[Place, Schema]]:
    name = schema.get("$ref", "")
    if name in entered or len(place) > DEEPEST:
        return
    schema, entered = call.resolved(schema), entered | ({name} if name else set())
    for field, inner in schema.get("properties", {}).items():
        if field not in NOT_LISTENED_TO:
            yield (*place, field), call.resolved(inner)
            yield from _below(call, inner, (*place, field), entered)
    for step, inner in ((IN_LIST, schema.get("items")), (IN_MAP, schema.get("additionalProperties"))):
        if isinstance(inner, dict):
            yield (*place, step), call.resolved(inner)
            yield from _below(call, inner, (*place, step), entered)


def of_another_type(schema: Schema) -> list[Any]:
    """Values that the field cannot be."""
    match schema.get("type"):
        case "string" if schema.get("format") == "int64":
            return ["abc", 1.5, True, {}, 1 << 63]
        case "string" if "format" in schema:
            return ["abc", {}]
        case "string":
            return [1, True, {"a": 1}, ["a"]]
        case "integer":
            return ["abc", 1.5, [], 1 << 31]
        case "number":
            return ["abc", True, {}]
        case "boolean":
            return ["perhaps", 2, []]
        case "array":
            return ["abc", 1, {"a": 1}]
        case "object":
            return ["abc", 1, ["a"]]
    return []


def dealt(values: Sequence[Any], place: Place, number: int) -> Sequence[Any]:
    """All of them for a field of the body itself; of deeper ones each gets a third, the next one the next third."""
    return values if len(place) == 1 else values[number % min(3, len(values) or 1) :: 3]


def is_text(schema: Schema) -> bool:
    """Whether any text may stand there."""
    return schema.get("type") == "string" and "format" not in schema


def with_value(body: dict[str, Any] | None, place: Place, value: Any) -> dict[str, Any]:
    """The body with the value at a place; what is on the way there is made, what is beside it stays."""
    changed = copy.deepcopy(body or {})
    at: Any = changed
    for step, following in zip(place, (*place[1:], ""), strict=True):
        key: Any = 0 if step == IN_LIST else "1" if step == IN_MAP else step
        if isinstance(at, list) and not at:
            at.append(None)
        if not following:
            at[key] = value
            break
        wanted: type = list if following == IN_LIST else dict
        there = at[key] if isinstance(at, list) else at.get(key)
        at[key] = there if isinstance(there, wanted) else wanted()
        at = at[key]
    return changed


def shown(place: Place) -> str:
    """The place as a message names it."""
    names = {IN_LIST: "0", IN_MAP: "1"}
    return ".".join(names.get(step, step) for step in place)
