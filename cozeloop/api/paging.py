"""Pages: a number and a size, or a token, which wins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cozeloop.api.envelope import ApiError

SIZE = 10
LARGEST = 200


@dataclass(frozen=True)
class Page:
    """``size`` rows from ``offset``, or after a token's place when there is one."""

    size: int
    offset: int
    after: tuple[Any, Any] | None = None


def page_of(code: int, number: int | None, size: int | None, token: str | None, *kinds: type) -> Page:
    """The page asked for; ``kinds`` are the types of a token's two values. ``code`` refuses a foreign token."""
    rows = min(size, LARGEST) if size and size > 0 else SIZE
    offset = (number - 1) * rows if number and number > 1 else 0
    return Page(rows, offset, read_token(code, token, kinds) if token else None)


def make_token(value: int | str, last: int | str) -> str:
    """A place in a list: the order's value and the tie-breaker of the last row shown."""
    return base64.urlsafe_b64encode(orjson.dumps([value, last])).decode().rstrip("=")


def read_token(code: int, token: str, kinds: Sequence[type]) -> tuple[Any, Any]:
    """What `make_token` put in."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or [type(v) for v in found] != list(kinds) or not _storable(found):
        raise ApiError(code, "invalid param,page_token is not one that was answered for this list and order")
    return found[0], found[1]


def _storable(values: Sequence[Any]) -> bool:
    return all(abs(v) < 2**63 if isinstance(v, int) else len(v) <= 20 and "\0" not in v for v in values)
