"""From a request to the contract's request model: path, query and JSON body merged, or a refusal naming the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import RULE_BROKEN, UNREADABLE, module_of
from cozeloop.api.scalars import VALIDATION, WireModel

R = TypeVar("R", bound=WireModel)

DRAINED = 4
"""How many times the limit is read and thrown away before the refusal: a client that is cut off sees no answer."""
MOST_NESTED = 100
"""Levels of a body: what is kept of it is written as JSON again, which goes 254 levels deep, inside other levels."""
_UNTIDY = re.compile("[\0\ud800-\udfff]")
_NUL_MAYBE = b"\\u0000"


async def read_body(request: Request, limit: int) -> bytes:
    """The body; a longer one than ``limit`` bytes is refused without being kept."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > limit * DRAINED:
                break
            else:
                chunks.clear()
    except ClientDisconnect:
        raise ApiError(UNREADABLE, "bad request,the client hung up in the middle of the body") from None
    if size > limit:
        module = module_of(request.url.path)
        raise ApiError(module.code(201), f"bad request,the body is larger than {limit} bytes", status=413)
    return b"".join(chunks)


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """The body's object; nothing sent is an empty one."""
    if not body.strip():
        return {}
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(UNREADABLE, f"bad request,Content-Type must be application/json, not {media_type or 'absent'!r}")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(UNREADABLE, f"bad request,{_why(body, error)}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(UNREADABLE, "bad request,the body must be a JSON object")
    if _NUL_MAYBE in body:
        refuse_untidy(value)
    return value


def bind(model: type[R], path: Mapping[str, Any], query: Mapping[str, Any], body: Mapping[str, Any]) -> R:
    """The request; the path wins over the body, and the body over the query."""
    given = {k: v for k, v in query.items() if v != "" or _takes_text(model, k)}
    given |= {k: v for k, v in body.items() if v is not None or k not in given}
    refuse_untidy({**query, **path})
    try:
        return model.model_validate({**given, **path})
    except ValidationError as error:
        raise refused(error) from None
    except RecursionError:
        raise ApiError(UNREADABLE, "bad request,the body is nested too deeply") from None


def refused(error: ValidationError) -> ApiError:
    """The first thing that is wrong, with the field's path; what cannot be read comes before what breaks a rule."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = next((e for e in found if e["type"] != VALIDATION), found[0])
    code, base = (RULE_BROKEN, "invalid param") if first["type"] == VALIDATION else (UNREADABLE, "bad request")
    where = ".".join(str(part) for part in first["loc"])
    return ApiError(code, f"{base},{shown(where)}: {first['msg']}")


def query_of(request: Request, model: type[WireModel]) -> dict[str, Any]:
    """The query's values; a repeated name is a list where the field is one."""
    given = request.query_params
    lists = {n for n in given if _is_list(model, n)}
    return {n: given.getlist(n) if n in lists else given[n] for n in given}


def refuse_untidy(value: Any) -> None:
    """Refuses NUL characters and lone surrogates in any text: no database takes the one, no JSON the other."""
    for where, text in _texts(value, ""):
        if _UNTIDY.search(text):
            what = "NUL character" if "\0" in text else "lone surrogate"
            raise ApiError(RULE_BROKEN, f"invalid param,{shown(where)}: must not hold a {what}")


def refuse_deep(value: Any, body: bytes) -> None:
    """Refuses what is nested deeper than `MOST_NESTED` levels; ``body`` is what it was read from."""
    if body.count(b"{") + body.count(b"[") <= MOST_NESTED:
        return
    level = [value]
    for _ in range(MOST_NESTED):
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
        if not level:
            return
    raise ApiError(UNREADABLE, f"bad request,the body is nested deeper than {MOST_NESTED} levels")


def shown(name: str) -> str:
    """A field's name as it may stand in an answer: tidy, and not longer than a line."""
    return _UNTIDY.sub("\N{REPLACEMENT CHARACTER}", name)[:200]


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    waiting = [(where, value)]
    while waiting:
        at, each = waiting.pop()
        if isinstance(each, str):
            yield at, each
        elif isinstance(each, dict):
            for name, inner in each.items():
                below = f"{at}.{name}" if at else str(name)
                yield below, name
                waiting.append((below, inner))
        elif isinstance(each, list):
            waiting.extend((f"{at}.{i}", inner) for i, inner in enumerate(each))


def _why(body: bytes, error: orjson.JSONDecodeError) -> str:
    """The fast parser refuses lone surrogates without saying where; the slower parser knows."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return f"the body is not JSON: {error}"
    refuse_untidy(value)
    return f"the body is not JSON: {error}"


def _annotations(model: type[WireModel], name: str) -> Iterator[Any]:
    field = next((f for n, f in model.model_fields.items() if name in (n, f.alias)), None)
    if field is not None:
        yield from (a for a in (field.annotation, *get_args(field.annotation)) if a is not None)


def _is_list(model: type[WireModel], name: str) -> bool:
    return any(get_origin(a) is list for a in _annotations(model, name))


def _takes_text(model: type[WireModel], name: str) -> bool:
    return any(a is str for a in _annotations(model, name))
