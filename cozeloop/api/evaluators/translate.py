"""Between rows and the contract's evaluator objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from commands.evaluators.content import PYTHON
from cozeloop.api.values import milliseconds
from cozeloop.platform import Draft

Json = dict[str, Any]
Row = Mapping[str, Any]


def normalised(content: Json) -> Json:
    """Content as it is kept: the code always stands in ``code_content``."""
    code = content.get("code_evaluator")
    if code is None or code.get("code_content"):
        return content
    by_language = code.get("lang_2_code_content") or {}
    source = by_language.get(code.get("language_type") or PYTHON) or ""
    return {**content, "code_evaluator": {**code, "code_content": source}}


def evaluator(row: Row, users: Mapping[str, Json], draft: Draft | None, current_version: Json | None = None) -> Json:
    """An evaluator; its draft counts as submitted while no revision stands above the one that was taken last."""
    made: Json = {
        "evaluator_id": row["evaluator_id"],
        "workspace_id": row["space_id"],
        "evaluator_type": row["evaluator_type"],
        "name": row["name"],
        "description": row["description"],
        "draft_submitted": draft is None or draft.revision <= row["draft_revision"],
        "latest_version": row["latest_version"],
        "builtin": False,
        "base_info": base_info(row, users, "updated_by", "updated_at"),
    }
    if row["deleted_at"]:
        made["base_info"]["deleted_at"] = milliseconds(row["deleted_at"])
    if current_version is not None:
        made["current_version"] = current_version
    return made


def version(row: Row, users: Mapping[str, Json]) -> Json:
    """A submitted version with its content. Nothing changes it: it was last updated when it was created."""
    return {
        "id": row["version_id"],
        "version": row["version"],
        "description": row["description"],
        "evaluator_content": orjson.loads(row["content"]),
        "base_info": base_info(row, users, "created_by", "created_at"),
    }


def draft_version(draft: Draft) -> Json:
    """The draft in the place of the current version; it has no number and no id."""
    saved = str(int(draft.saved_at.timestamp() * 1000))
    return {
        "version": "",
        "description": "",
        "evaluator_content": draft.content["content"],
        "base_info": {"updated_at": saved},
    }


def base_info(row: Row, users: Mapping[str, Json], updated_by: str, updated_at: str) -> Json:
    """Who made and last changed it, and when."""
    return {
        "created_by": users.get(row["created_by"], {"user_id": row["created_by"]}),
        "updated_by": users.get(row[updated_by], {"user_id": row[updated_by]}),
        "created_at": milliseconds(row["created_at"]),
        "updated_at": milliseconds(row[updated_at]),
    }
