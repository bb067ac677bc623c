"""Between rows and the contract's tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cozeloop.api.values import milliseconds
from cozeloop.api.wire import data as wire
from events.tags import NumberRange, TagContent, TagValue

Json = dict[str, Any]
Row = Mapping[str, Any]
People = Mapping[str, Json]


def value_of(given: wire.TagValue, new_id: str) -> TagValue:
    """A value as it is kept; ``new_id`` is for one that has none."""
    known = given.tag_value_id or ""
    return TagValue(
        value_id=known if known not in ("", "0") else new_id,
        name=given.tag_value_name or "",
        description=given.description or "",
        status=given.status or "active",
    )


def number_of(given: wire.TagContentSpec | None) -> NumberRange | None:
    """The range of a number's ends, None when none is given."""
    spec = given.continuous_number_spec if given else None
    if spec is None:
        return None
    return NumberRange(
        min_value=spec.min_value,
        min_description=spec.min_value_description or "",
        max_value=spec.max_value,
        max_description=spec.max_value_description or "",
    )


def content_of(row: Row) -> TagContent:
    """What a row's version says; nothing when it has been erased."""
    found = orjson.loads(row["content"])
    return TagContent.model_validate(found) if found else TagContent(name="")


def tag(row: Row, people: People, **version: Any) -> Json:
    """A key at its newest version; ``version`` holds what is another's."""
    content = content_of({**row, **version})
    shown: Json = {
        "id": row["tag_key_id"],
        "workspace_id": row["space_id"],
        "tag_key_id": row["tag_key_id"],
        "tag_key_name": content.name,
        "description": content.description,
        "version": row["version"],
        "version_num": row["version_num"],
        "status": row["status"],
        "tag_type": row["tag_type"],
        "content_type": row["content_type"],
        "domain_type_list": [d for d in row["domains"].split(",") if d],
        "tag_values": [value(row, v) for v in content.values],
        "base_info": base_info(row, people),
    }
    if content.number is not None:
        shown["content_spec"] = {"continuous_number_spec": number(content.number)}
    return shown | {k: v for k, v in version.items() if k not in ("content", "domains")}


def value(row: Row, found: TagValue) -> Json:
    """A value of a key."""
    return {
        "id": found.value_id,
        "workspace_id": row["space_id"],
        "tag_key_id": row["tag_key_id"],
        "tag_value_id": found.value_id,
        "tag_value_name": found.name,
        "description": found.description,
        "status": found.status,
        "is_system": found.system,
    }


def number(found: NumberRange) -> Json:
    """A range; an open end is left out."""
    shown = {
        "min_value": found.min_value,
        "min_value_description": found.min_description,
        "max_value": found.max_value,
        "max_value_description": found.max_description,
    }
    return {k: v for k, v in shown.items() if v is not None}


def base_info(row: Row, people: People) -> Json:
    """Who made it when, and who changed it last."""
    shown = {"created_at": milliseconds(row["created_at"]), "created_by": people.get(row["created_by"])}
    if "updated_at" in row:
        shown |= {"updated_at": milliseconds(row["updated_at"]), "updated_by": people.get(row["updated_by"])}
    return {k: v for k, v in shown.items() if v is not None}
