"""What the contract's scalar types take from JSON, a query or a path, and what they become.

64-bit integers arrive as number or decimal text and are decimal text from here on (JavaScript loses digits of
numbers). Enums are open: an unknown number or word passes here and is refused by the rule that it offends.
Unknown fields are ignored, absent ones are None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_DECIMAL = re.compile(r"-?[0-9]{1,20}")

VALIDATION = "vt"
"""The error type of the contract's validation rules; every other type means that a value could not be read."""


def _integer(value: Any, bits: int) -> int:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("integer", "must be an integer or its decimal text")
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise PydanticCustomError("integer", "must fit in {bits} bits", {"bits": bits})
    return value


def _i64(value: Any) -> Any:
    return str(_integer(value, 64))


def _narrow(bits: int) -> Callable[[Any], Any]:
    return lambda value: _integer(value, bits)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


def _truth(value: Any) -> Any:
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    if not isinstance(value, bool):
        raise PydanticCustomError("boolean", "must be true or false")
    return value


I64 = Annotated[str, BeforeValidator(_i64), WithJsonSchema({"type": "string", "format": "int64"})]
"""A 64-bit integer: int or decimal text in, decimal text without leading zeros out."""
I32 = Annotated[int, BeforeValidator(_narrow(32)), WithJsonSchema({"type": "integer", "format": "int32"})]
I16 = Annotated[int, BeforeValidator(_narrow(16)), WithJsonSchema({"type": "integer"})]
I8 = Annotated[int, BeforeValidator(_narrow(8)), WithJsonSchema({"type": "integer"})]
Double = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_number)]
"""A finite number."""
Bool = Annotated[bool, BeforeValidator(_truth), WithJsonSchema({"type": "boolean"})]
"""true or false, also as a query's text or as 1 and 0."""


class IntOf:
    """``IntOf[SomeEnum]``: an open enum's number."""

    def __class_getitem__(cls, enum: type[IntEnum]) -> Any:
        known = ", ".join(f"{m.value} {m.name}" for m in enum)
        schema = {"type": "integer", "description": f"{enum.__name__}: {known}"}
        return Annotated[int, BeforeValidator(_narrow(32)), WithJsonSchema(schema)]


def words(name: str, *known: str) -> Any:
    """An open enum's word."""
    return Annotated[str, WithJsonSchema({"type": "string", "description": f"{name}: {', '.join(known)}"})]


class Ignored:
    """A field that the contract declares and this backend never listens to, such as a ``session`` in a body."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Whatever is sent becomes None; the documentation still shows the declared type."""
        return core_schema.no_info_wrap_validator_function(lambda _value, _inner: None, handler(source))


@dataclass(frozen=True)
class Vt:
    """The contract's validation rules of a field. Text is measured in characters, lists in elements."""

    not_nil: bool = False
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    min_size: int | None = None
    max_size: int | None = None
    elem_min_size: int | None = None
    elem_max_size: int | None = None
    defined: frozenset[Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checked after the value was read; the default None is checked as well."""
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def checked(self, value: Any) -> Any:
        """The value, or a refusal of type ``vt`` that says which bound it breaks."""
        if value is None:
            if self.not_nil:
                raise PydanticCustomError(VALIDATION, "is required")
            return None
        if broken := self._bound(value) or self._size(value) or self._element(value):
            raise PydanticCustomError(VALIDATION, "{broken}", {"broken": broken})
        return value

    def _bound(self, value: Any) -> str:
        if self.defined is not None and value not in self.defined:
            return "must be one of the defined values"
        bounds = (self.gt, self.ge, self.lt, self.le)
        if bounds == (None, None, None, None):
            return ""
        number = int(value) if isinstance(value, str) else value
        if self.gt is not None and number <= self.gt:
            return f"must be greater than {self.gt}"
        if self.ge is not None and number < self.ge:
            return f"must be at least {self.ge}"
        if self.lt is not None and number >= self.lt:
            return f"must be less than {self.lt}"
        if self.le is not None and number > self.le:
            return f"must be at most {self.le}"
        return ""

    def _size(self, value: Any) -> str:
        if self.min_size is not None and len(value) < self.min_size:
            return f"must not be shorter than {self.min_size}"
        if self.max_size is not None and len(value) > self.max_size:
            return f"must not be longer than {self.max_size}"
        return ""

    def _element(self, value: Any) -> str:
        if self.elem_min_size is not None and any(len(e) < self.elem_min_size for e in value):
            return f"must not hold an element shorter than {self.elem_min_size}"
        if self.elem_max_size is not None and any(len(e) > self.elem_max_size for e in value):
            return f"must not hold an element longer than {self.elem_max_size}"
        return ""


class WireModel(BaseModel):
    """A struct of the contract. ``PLACES`` names the fields that travel in the path or the query alone."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), populate_by_name=True, defer_build=True)
    PLACES: ClassVar[dict[str, str]] = {}
