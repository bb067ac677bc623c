"""The JSON Schema of a text field: what it accepts, and whether another accepts all that it did.

A schema is a user's text, so validation is bounded: references stay inside the schema, every keyword applied counts
against a budget, patterns run on a linear engine, and `uniqueItems` compares canonical texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from commands.datasets.messages import DatasetSchemaInvalid

MAX_SCHEMA = 65_536
MESSAGE_LIMIT = 300
Schema = Mapping[str, Any] | bool
Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


class Budget:
    """How many keywords may still be applied: one for all rows of a command, so that no schema holds everyone up."""

    def __init__(self, left: int = 200_000) -> None:
        self.left = left


class _Exhausted(Exception):
    """The budget is spent."""


class TextSchema:
    """A field's compiled schema. Not for several threads at once."""

    def __init__(self, schema: Schema) -> None:
        self._raw = isinstance(schema, Mapping) and schema.get("type") == "string"
        self._untyped = isinstance(schema, bool) or "type" not in schema
        self._budget = Budget()
        cls = extend(Draft202012Validator, {k: self._counted(f) for k, f in _KEYWORDS.items()})
        self._validator = cls(schema, registry=Registry())

    def wrong(self, text: str, budget: Budget) -> str:
        """Empty, or why the text is not accepted. A string schema reads the text itself, any other its JSON."""
        value: Any = text
        if not self._raw:
            try:
                value = json.loads(text, parse_constant=_no_constant)
            except (ValueError, RecursionError):
                if not self._untyped:
                    return "the text is not JSON"
        self._budget = budget
        try:
            error = next(self._validator.iter_errors(value), None)
        except (_Exhausted, RecursionError):
            return "the text or its schema is too deep or too large to check"
        except (Unresolvable, PatternError, ValueError, OverflowError) as failure:
            return f"the schema cannot be applied: {failure}"[:MESSAGE_LIMIT]
        return str(error.message)[:MESSAGE_LIMIT] if error else ""

    def _counted(self, keyword: Keyword) -> Keyword:
        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            self._budget.left -= len(value) if isinstance(value, list | dict) else 1
            if self._budget.left < 0:
                raise _Exhausted
            yield from keyword(validator, value, instance, schema) or ()

        return counted


def forget() -> None:
    """Drops the compiled schemas: users wrote them."""
    compiled.cache_clear()
    _linear.cache_clear()


@lru_cache(maxsize=512)
def compiled(text: str) -> TextSchema:
    """The schema of a field, compiled once."""
    return TextSchema(parsed(text, ""))


def parsed(text: str, field: str) -> Schema:
    """The schema as JSON; raises DatasetSchemaInvalid when it is none or asks for what is not offered."""
    if len(text) > MAX_SCHEMA:
        raise DatasetSchemaInvalid(f"text_schema of field {field!r} is longer than {MAX_SCHEMA} characters")
    try:
        schema = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DatasetSchemaInvalid(f"text_schema of field {field!r} is not JSON") from error
    if not isinstance(schema, dict | bool):
        raise DatasetSchemaInvalid(f"text_schema of field {field!r} is not an object")
    try:
        Draft202012Validator.check_schema(schema)
        for pattern in _patterns(schema):
            _linear(pattern)
    except (SchemaError, PatternError, RecursionError) as error:
        reason = getattr(error, "message", "") or str(error).partition("\n")[0]
        raise DatasetSchemaInvalid(f"text_schema of field {field!r}: {reason[:MESSAGE_LIMIT]}") from error
    return schema


def looser(new: Schema, old: Schema) -> bool:
    """Whether ``new`` surely accepts all that ``old`` did; unsure is no."""
    if new == old or new is True or new == {}:
        return True
    if isinstance(new, bool) or isinstance(old, bool):
        return False
    closed = "additionalProperties" in new or "unevaluatedProperties" in new
    if closed and set(new.get("properties", {})) != set(old.get("properties", {})):
        return False
    return all(key in old and _keyword_looser(key, new[key], old[key]) for key in new if key not in _SILENT)


_SILENT = frozenset({"title", "description", "default", "examples", "$comment", "$schema", "$id", "deprecated"})
_AT_MOST = frozenset({"minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"})
_AT_LEAST = frozenset({"maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"})


def _keyword_looser(key: str, new: Any, old: Any) -> bool:
    if new == old:
        return True
    if key == "type":
        return set(_types(old)) <= set(_types(new)) and "string" not in set(_types(new)) ^ set(_types(old))
    if key in _AT_MOST:
        return bool(new <= old)
    if key in _AT_LEAST:
        return bool(new >= old)
    if key == "required":
        return set(new) <= set(old)
    if key == "enum":
        return all(value in new for value in old)
    if key == "properties":
        return all(name in old and looser(new[name], old[name]) for name in new)
    return key in {"items", "additionalProperties"} and looser(new, old)


def _types(value: Any) -> list[str]:
    names = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [str(value)]
    return [*names, "integer"] if "number" in names else names


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _patterns(schema: Any) -> Iterator[str]:
    """Every text that may be used as a pattern, wherever it stands."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        if isinstance(schema.get("patternProperties"), Mapping):
            yield from schema["patternProperties"]
        for value in schema.values():
            yield from _patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _patterns(value)


@lru_cache(maxsize=512)
def _linear(pattern: str) -> SchemaValidator:
    """The pattern on an engine without backtracking; raises PatternError for what it does not know."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, text: str) -> bool:
    return _linear(pattern).isinstance_python(text)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"the text does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, below in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from validator.descend(value, below, path=name, schema_path=pattern)


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len({_canonical(value) for value in instance}) != len(instance):
        yield ValidationError("the items are not unique")


def _canonical(value: Any) -> str:
    """Equal texts for values that are equal in JSON Schema: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


_KEYWORDS: Mapping[str, Keyword] = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}
