"""A dataset's fields: their keys, what makes them a schema, and which changes old rows survive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from commands.datasets.messages import (
    FIELD_DESCRIPTION_LIMIT,
    FIELD_NAME_LIMIT,
    DatasetSchemaIncompatible,
    DatasetSchemaInvalid,
    GivenField,
)
from commands.datasets.text_schema import looser, parsed
from events.datasets import Field

CONTENT_TYPES = ("Text", "Image", "Audio", "Video", "MultiPart")
FORMATS = range(1, 6)
SCHEMA_KEYS = range(1, 9)
RESERVED_KEY = "key"
_KEY = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")


def first_schema(given: Sequence[GivenField], max_fields: int) -> tuple[Field, ...]:
    """The fields of a new dataset; raises DatasetSchemaInvalid."""
    return changed_schema((), given, max_fields, empty=True)


def changed_schema(
    present: Sequence[Field], given: Sequence[GivenField], max_fields: int, *, empty: bool
) -> tuple[Field, ...]:
    """The fields given, then those they leave out, deleted.

    Raises DatasetSchemaInvalid, or DatasetSchemaIncompatible when the dataset is not ``empty`` and a field that
    stays changes its type or gets stricter.
    """
    live = [field for field in given if not field.deleted]
    _check(live, given, max_fields)
    known = {field.key: field for field in present}
    taken = {RESERVED_KEY, *known, *(field.key for field in given if field.key)}
    fields: list[Field] = []
    for field in given:
        key = field.key or _new_key(field.name, taken)
        taken.add(key)
        before = known.get(key)
        if before is None and not _KEY.fullmatch(key) and field.key:
            raise DatasetSchemaInvalid(f"field key {key!r} does not match {_KEY.pattern}")
        after = _field(key, field)
        if before is not None and not empty and not field.deleted:
            _check_compatible(before, after)
        fields.append(after)
    kept = {field.key for field in fields}
    left_out = [field.model_copy(update={"status": "deleted"}) for field in present if field.key not in kept]
    return (*fields, *left_out)


def available(fields: Sequence[Field]) -> list[Field]:
    """The fields that a row may fill."""
    return [field for field in fields if field.status == "available"]


def _field(key: str, given: GivenField) -> Field:
    values = given.model_dump(exclude={"key", "deleted"})
    return Field(key=key, status="deleted" if given.deleted else "available", **values)


def _new_key(name: str, taken: set[str]) -> str:
    prefix = name if _KEY.fullmatch(name) else RESERVED_KEY
    key, n = prefix, 0
    while key in taken:
        n += 1
        key = f"{prefix}_{n}"
    return key


def _check(live: Sequence[GivenField], given: Sequence[GivenField], max_fields: int) -> None:
    if not live:
        raise DatasetSchemaInvalid("a schema needs at least one field")
    if len(live) > max_fields:
        raise DatasetSchemaInvalid(f"{len(live)} fields are more than {max_fields}")
    names = [field.name for field in live]
    keys = [field.key for field in given if field.key]
    for what, values in (("name", names), ("key", keys)):
        if doubled := next((v for i, v in enumerate(values) if v in values[:i]), None):
            raise DatasetSchemaInvalid(f"field {what} {doubled!r} is there twice")
    for field in given:
        if not 1 <= len(field.name) <= FIELD_NAME_LIMIT:
            raise DatasetSchemaInvalid(f"a field name has 1 to {FIELD_NAME_LIMIT} characters")
        if len(field.description) > FIELD_DESCRIPTION_LIMIT:
            raise DatasetSchemaInvalid(f"description of field {field.name!r} is too long")
        if field.content_type not in CONTENT_TYPES:
            raise DatasetSchemaInvalid(f"content_type {field.content_type!r} is not one of {', '.join(CONTENT_TYPES)}")
        if field.default_format not in FORMATS:
            raise DatasetSchemaInvalid(f"default_display_format {field.default_format} is not one of 1 to 5")
        if field.schema_key is not None and field.schema_key not in SCHEMA_KEYS:
            raise DatasetSchemaInvalid(f"schema_key {field.schema_key} is not one of 1 to 8")
        if field.text_schema and field.content_type == "Text":
            parsed(field.text_schema, field.name)


def _check_compatible(before: Field, after: Field) -> None:
    if before.content_type != after.content_type:
        raise DatasetSchemaIncompatible(f"field {after.name!r}: the content type changes")
    if before.schema_key != after.schema_key:
        raise DatasetSchemaIncompatible(f"field {after.name!r}: the schema key changes")
    if not looser(_schema(after), _schema(before)):
        raise DatasetSchemaIncompatible(f"field {after.name!r}: the text schema gets stricter")


def _schema(field: Field) -> Mapping[str, Any] | bool:
    return parsed(field.text_schema, field.name) if field.text_schema else {}
