"""Fields of a span as they arrive in JSON, each of its type; the wrong type is refused with the field's path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from commands.traces.refusals import SpanUnreadable

LARGEST = (1 << 63) - 1
SMALLEST = -(1 << 63)
_DECIMAL = re.compile(r"-?[0-9]{1,20}")


def text(span: Mapping[str, Any], name: str, index: int) -> str:
    """A text, empty when absent."""
    value = span.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise SpanUnreadable(f"spans.{index}.{name}: must be text")
    return value


def integer(span: Mapping[str, Any], name: str, index: int, bits: int = 64) -> int | None:
    """A whole number or its decimal text, None when absent."""
    value = span.get(name)
    return None if value is None else whole(value, f"spans.{index}.{name}", bits)


def whole(value: Any, where: str, bits: int = 64) -> int:
    """The value as a whole number of so many bits."""
    if type(value) is str and _DECIMAL.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        raise SpanUnreadable(f"{where}: must be an integer or its decimal text")
    if not SMALLEST <= value <= LARGEST or (bits == 32 and not -(1 << 31) <= value < 1 << 31):
        raise SpanUnreadable(f"{where}: must fit in {bits} bits")
    return value


def texts(span: Mapping[str, Any], name: str, index: int) -> dict[str, str]:
    """A map of texts; entries without a value are left out."""
    found = _map(span, name, index)
    if found and {*map(type, found.values())} != {str}:
        return {k: _text(v, f"spans.{index}.{name}.{k}") for k, v in found.items() if v is not None}
    return found


def integers(span: Mapping[str, Any], name: str, index: int) -> dict[str, int]:
    """A map of whole numbers."""
    found = _map(span, name, index)
    if not found or (
        {*map(type, found.values())} == {int} and min(found.values()) >= SMALLEST and max(found.values()) <= LARGEST
    ):
        return found
    return {k: whole(v, f"spans.{index}.{name}.{k}") for k, v in found.items() if v is not None}


def numbers(span: Mapping[str, Any], name: str, index: int) -> dict[str, float]:
    """A map of numbers."""
    found = _map(span, name, index)
    if not found or {*map(type, found.values())} == {float}:
        return found
    return {k: _number(v, f"spans.{index}.{name}.{k}") for k, v in found.items() if v is not None}


def truths(span: Mapping[str, Any], name: str, index: int) -> dict[str, bool]:
    """A map of truth values."""
    found = _map(span, name, index)
    if not found or {*map(type, found.values())} == {bool}:
        return found
    return {k: _truth(v, f"spans.{index}.{name}.{k}") for k, v in found.items() if v is not None}


def _map(span: Mapping[str, Any], name: str, index: int) -> dict[str, Any]:
    value = span.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise SpanUnreadable(f"spans.{index}.{name}: must be an object")
    return value


def _text(value: Any, where: str) -> str:
    if type(value) is not str:
        raise SpanUnreadable(f"{where}: must be text")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float):
        raise SpanUnreadable(f"{where}: must be a number")
    try:
        return float(value)
    except OverflowError:
        raise SpanUnreadable(f"{where}: must be a finite number") from None


def _truth(value: Any, where: str) -> bool:
    if value in ("true", "1") or value is True or (type(value) is int and value == 1):
        return True
    if value in ("false", "0") or value is False or (type(value) is int and value == 0):
        return False
    raise SpanUnreadable(f"{where}: must be true or false")
