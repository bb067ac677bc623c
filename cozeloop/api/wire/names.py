"""Python names for thrift names: deterministic, unique in a module, and never one that pydantic or Python needs."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

BUILTINS = frozenset({"str", "int", "float", "bool", "list", "dict", "bytes", "Any"})


def module_of(thrift: str) -> str:
    """The module that a type belongs to: the first word of its name."""
    return thrift.split(".", 1)[0]


def class_names(thrift_names: Iterable[str]) -> dict[str, str]:
    """Thrift name -> class name."""
    names = sorted(set(thrift_names))
    plain = {t: _plain(t) for t in names}
    taken = Counter((module_of(t), n) for t, n in plain.items())
    return {t: n if taken[module_of(t), n] == 1 else _spaced(t) + n for t, n in plain.items()}


def _plain(thrift: str) -> str:
    *spaces, last = thrift.split(".")
    if "domain_openapi" in spaces:
        return f"OpenApi{last}"
    return f"Spi{last}" if "spi" in spaces else last


def _spaced(thrift: str) -> str:
    spaces = thrift.split(".")[1:-1]
    return "".join(word.capitalize() for space in spaces for word in space.split("_"))


def field_name(wire: str, types: frozenset[str]) -> str:
    """The attribute of a wire name; one with ``_`` at its end when the name has another meaning in the class."""
    name = re.sub(r"\W", "_", wire)
    clashes = hasattr(BaseModel, name) or keyword.iskeyword(name) or name in types or name in BUILTINS
    return f"{name}_" if clashes else name
