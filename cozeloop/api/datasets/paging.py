"""Pages and orders as data and evaluation have them: a number and a size, or a token, which wins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cozeloop.api.datasets.refusals import INVALID_PARAM, ORDER_UNSUPPORTED
from cozeloop.api.edge import ApiError
from cozeloop.api.wire import evaluation as wire

SIZE = 10
LARGEST = 200


@dataclass(frozen=True)
class Page:
    """``size`` rows from ``offset``, or after a token's place when there is one."""

    size: int
    offset: int
    after: tuple[Any, Any] | None = None


def page_of(number: int | None, size: int | None, token: str | None, *kinds: type) -> Page:
    """The page asked for; ``kinds`` are the types of a token's two values. Refuses a token that is none of ours."""
    rows = min(size, LARGEST) if size and size > 0 else SIZE
    offset = (number - 1) * rows if number and number > 1 else 0
    return Page(rows, offset, read_token(token, kinds) if token else None)


def make_token(value: int | str, last: int | str) -> str:
    """A place in a list: the order's value and the tie-breaker of the last row shown."""
    return base64.urlsafe_b64encode(orjson.dumps([value, last])).decode().rstrip("=")


def read_token(token: str, kinds: Sequence[type]) -> tuple[Any, Any]:
    """What `make_token` put in."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or [type(v) for v in found] != list(kinds) or not _storable(found):
        raise ApiError(INVALID_PARAM, "invalid param,page_token is not one that was answered for this list and order")
    return found[0], found[1]


def order_of(order_bys: Sequence[wire.OrderBy] | None, known: Collection[str]) -> tuple[str, bool]:
    """The field and whether it ascends; by default the newest change first."""
    if not order_bys:
        return "updated_at", False
    field = order_bys[0].field or "updated_at"
    if field not in known:
        raise ApiError(ORDER_UNSUPPORTED, f"unsupported order by,{field[:64]!r} is not one of {', '.join(known)}")
    return field, bool(order_bys[0].is_asc)


def _storable(values: Sequence[Any]) -> bool:
    return all(abs(v) < 2**63 if isinstance(v, int) else len(v) <= 20 and "\0" not in v for v in values)
