"""Between datasets and the contract's evaluation sets. A row is an item with one turn; a turn's cells are its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from commands.datasets.messages import Cell, GivenField, GivenRow
from cozeloop.api.values import milliseconds
from cozeloop.api.wire import evaluation as wire
from events.datasets import KeptRow, RefusedRow

Json = dict[str, Any]
Row = Mapping[str, Any]

AVAILABLE, DELETED = 1, 2
DETAILS = 5
"""Details shown of one group of errors."""
SUMMARIES = {
    1: "the row does not match the schema",
    2: "the row is empty",
    3: "the row is too large",
    4: "the dataset is full",
    7: "a required field is missing",
    8: "the row is nested too deeply",
    14: "the row has too many parts",
}
_CONTENT = ("content_type", "format", "text", "image", "audio", "video")


# --- in ---------------------------------------------------------------------------------------------------------


def given_fields(fields: Iterable[wire.FieldSchema] | None) -> tuple[GivenField, ...]:
    """The fields of a schema as they are asked for."""
    return tuple(
        GivenField(
            key=field.key or "",
            name=field.name or "",
            description=field.description or "",
            content_type=field.content_type or "Text",
            default_format=field.default_display_format or 1,
            schema_key=field.schema_key,
            text_schema=field.text_schema or "",
            multi_model_spec=_plain(field.multi_model_spec) if field.multi_model_spec else None,
            hidden=bool(field.hidden),
            is_required=bool(field.isRequired),
            deleted=field.status == DELETED,
        )
        for field in fields or ()
    )


def given_row(item_id: str, item_key: str | None, turns: Iterable[wire.Turn] | None) -> GivenRow:
    """An item's turns as one row's cells."""
    cells = [
        Cell(key=cell.key or "", name=cell.name or "", content=given_content(cell.content))
        for turn in turns or ()
        for cell in turn.field_data_list or ()
    ]
    return GivenRow(item_id=item_id, item_key=item_key or "", cells=tuple(cells))


def given_content(content: wire.Content | None) -> Json:
    """A content without what is unset or only ever answered."""
    if content is None:
        return {}
    kept = {name: _plain(value) for name in _CONTENT if (value := getattr(content, name)) is not None}
    if content.multi_part is not None:
        kept["multi_part"] = [given_content(part) for part in content.multi_part]
    return kept


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True) if hasattr(value, "model_dump") else value


# --- out --------------------------------------------------------------------------------------------------------


def evaluation_set(row: Row, users: Mapping[str, Json], version: Json | None = None) -> Json:
    """A set with its draft as current version, or another one."""
    shown: Json = {
        "id": row["dataset_id"],
        "app_id": 0,
        "workspace_id": row["space_id"],
        "name": row["name"],
        "description": row["description"],
        "status": DELETED if row["deleted_at"] else AVAILABLE,
        "spec": {
            "max_item_count": str(row["max_items"]),
            "max_field_count": row["max_fields"],
            "max_item_size": str(row["max_item_bytes"]),
        },
        "features": {"editSchema": True, "repeatedData": False, "multiModal": True},
        "item_count": str(row["item_count"]),
        "change_uncommitted": bool(row["uncommitted"]),
        **({"biz_category": row["biz_category"]} if row["biz_category"] else {}),
        "type": "default",
        "evaluation_set_version": version or draft(row, users),
        "latest_version": row["latest_version"],
        "next_version_num": str(row["version_count"] + 1),
        "base_info": base_info(row, users),
    }
    if row["deleted_at"]:
        shown["base_info"]["deleted_at"] = milliseconds(row["deleted_at"])
    return shown


def draft(row: Row, users: Mapping[str, Json]) -> Json:
    """The draft as a version: it has the set's id."""
    return {
        "id": row["dataset_id"],
        "app_id": 0,
        "workspace_id": row["space_id"],
        "evaluation_set_id": row["dataset_id"],
        "version": "",
        "version_num": str(row["version_count"] + 1),
        "description": row["description"],
        "evaluation_set_schema": schema(row, users),
        "item_count": str(row["item_count"]),
        "base_info": base_info(row, users),
    }


def version(row: Row, users: Mapping[str, Json]) -> Json:
    """A version; nothing changes it."""
    return {
        "id": row["version_id"],
        "app_id": 0,
        "workspace_id": row["space_id"],
        "evaluation_set_id": row["dataset_id"],
        "version": row["version"],
        "version_num": str(row["number"]),
        "description": row["description"],
        "evaluation_set_schema": schema(row, users),
        "item_count": str(row["item_count"]),
        "base_info": base_info(row, users, "created_by", "created_at"),
    }


def schema(row: Row, users: Mapping[str, Json]) -> Json:
    """The fields of a set or version that rows may fill."""
    return {
        "id": row["schema_id"],
        "app_id": 0,
        "workspace_id": row["space_id"],
        "evaluation_set_id": row["dataset_id"],
        "field_schemas": [_field(field) for field in _available(row["fields"])],
        "base_info": base_info(row, users, "created_by", "created_at"),
    }


def item(row: Row, space_id: str, fields: Sequence[Row], users: Mapping[str, Json]) -> Json:
    """A row as an item, its cells in the order of the fields; a row without any has no turn."""
    data = orjson.loads(row["content"])
    cells = [
        {
            "key": field["key"],
            "name": field["name"],
            "content": {"format": field["default_format"], **data[field["key"]]},
        }
        for field in _available(fields)
        if field["key"] in data
    ]
    return {
        "id": row["item_id"],
        "app_id": 0,
        "workspace_id": space_id,
        "evaluation_set_id": row["dataset_id"],
        "schema_id": row["schema_id"],
        "item_id": row["item_id"],
        "item_key": row["item_key"],
        "turns": [{"field_data_list": cells}] if cells else [],
        "base_info": base_info(row, users),
    }


def added(new: Iterable[tuple[int, str, str]], kept: Iterable[KeptRow], refused: Sequence[RefusedRow]) -> Json:
    """What became of the rows of a request: new ones as (index, item id, key), those that stood, those refused."""
    outputs = [_output(index, item_id, key, True) for index, item_id, key in new]
    outputs += [_output(row.index, row.item_id, row.item_key, False) for row in kept]
    outputs.sort(key=lambda output: output["item_index"])
    return {
        "added_items": {str(output["item_index"]): output["item_id"] for output in outputs},
        "item_outputs": outputs,
        "errors": error_groups(refused),
    }


def error_groups(refused: Sequence[RefusedRow]) -> list[Json]:
    """Refused rows by type, with the first few of each."""
    groups: dict[int, list[RefusedRow]] = {}
    for row in refused:
        groups.setdefault(row.type, []).append(row)
    return [
        {
            "type": type_,
            "summary": SUMMARIES.get(type_, "the row was refused"),
            "error_count": len(rows),
            "details": [{"message": row.message, "index": row.index} for row in rows[:DETAILS]],
        }
        for type_, rows in groups.items()
    ]


def base_info(
    row: Row, users: Mapping[str, Json], updated_by: str = "updated_by", updated_at: str = "updated_at"
) -> Json:
    """Who made and last changed it, and when."""
    return {
        "created_by": users.get(row["created_by"], {"user_id": row["created_by"]}),
        "updated_by": users.get(row[updated_by], {"user_id": row[updated_by]}),
        "created_at": milliseconds(row["created_at"]),
        "updated_at": milliseconds(row[updated_at]),
    }


def people_of(*rows: Row) -> list[str]:
    """Everybody whom the rows name."""
    return [row[name] for row in rows for name in ("created_by", "updated_by") if name in row]


def _available(fields: Sequence[Row]) -> list[Row]:
    return [field for field in fields if field["status"] == "available"]


def _field(field: Row) -> Json:
    shown: Json = {
        "key": field["key"],
        "name": field["name"],
        "description": field["description"],
        "content_type": field["content_type"],
        "default_display_format": field["default_format"],
        "status": AVAILABLE,
        "isRequired": field["is_required"],
        "hidden": field["hidden"],
        "text_schema": field["text_schema"],
    }
    optional = {"schema_key": field["schema_key"], "multi_model_spec": field["multi_model_spec"]}
    return shown | {name: value for name, value in optional.items() if value is not None}


def _output(index: int, item_id: str, key: str, new: bool) -> Json:
    return {"item_index": index, "item_key": key, "item_id": item_id, "is_new_item": new}
