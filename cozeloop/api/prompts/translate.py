"""Between rows and the contract's prompt objects. Absent optionals are left out: null breaks the JavaScript client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from cozeloop.api.values import milliseconds

Json = dict[str, Any]
Row = Mapping[str, Any]
SAMPLING = (
    *("temperature", "max_tokens", "top_k", "top_p"),
    *("presence_penalty", "frequency_penalty", "json_mode"),
)


def normalised(detail: Json) -> Json:
    """A detail as it is kept: without expanded snippets, and without empty lists, which make clients drop content."""
    if (template := detail.get("prompt_template")) is None:
        return detail
    kept = {k: v for k, v in template.items() if k != "snippets"}
    if (messages := template.get("messages")) is not None:
        kept["messages"] = [{k: v for k, v in m.items() if v or k not in ("parts", "tool_calls")} for m in messages]
    return {**detail, "prompt_template": kept}


def prompt(row: Row) -> Json:
    """A prompt without its draft and commit."""
    basic = {
        "display_name": row["name"],
        "description": row["description"],
        "latest_version": row["latest_version"],
        "created_by": row["created_by"],
        "updated_by": row["updated_by"],
        "created_at": milliseconds(row["created_at"]),
        "updated_at": milliseconds(row["updated_at"]),
        "prompt_type": row["prompt_type"],
        "security_level": row["security_level"],
    }
    if row["latest_committed_at"]:
        basic["latest_committed_at"] = milliseconds(row["latest_committed_at"])
    return {
        "id": row["prompt_id"],
        "workspace_id": row["space_id"],
        "prompt_key": row["prompt_key"],
        "prompt_basic": basic,
    }


def commit_info(row: Row) -> Json:
    """What a version list shows of a commit."""
    return {
        "version": row["version"],
        "base_version": row["base_version"],
        "description": row["description"],
        "committed_by": row["committed_by"],
        "committed_at": milliseconds(row["committed_at"]),
    }


def commit(row: Row) -> Json:
    """A commit with its content."""
    return {"detail": orjson.loads(row["detail"]), "commit_info": commit_info(row)}


def openapi_prompt(space: str, key: str, version: str, detail: Json) -> Json:
    """A version in the form that SDKs fetch."""
    made: Json = {"workspace_id": space, "prompt_key": key, "version": version}
    if template := detail.get("prompt_template"):
        made["prompt_template"] = openapi_template(template)
    if found := [openapi_tool(t) for t in detail.get("tools") or ()]:
        made["tools"] = found
    if config := detail.get("tool_call_config"):
        made["tool_call_config"] = {"tool_choice": "auto", **config}
    if model := {n: v for n, v in (detail.get("model_config") or {}).items() if n in SAMPLING}:
        made["llm_config"] = model
    return made


def openapi_template(template: Json) -> Json:
    """Messages and variables; ``desc`` is a text even when there is none, the Python client insists."""
    made: Json = {
        "template_type": template.get("template_type") or "normal",
        "messages": [openapi_message(m) for m in template.get("messages") or ()],
        "variable_defs": [
            {"key": d.get("key", ""), "desc": d.get("desc", ""), "type": d.get("type") or "string"}
            for d in template.get("variable_defs") or ()
        ],
    }
    if metadata := template.get("metadata"):
        made["metadata"] = metadata
    return made


def openapi_message(message: Json) -> Json:
    """A message whose images and videos are bare addresses and whose tool calls count in numbers."""
    made = {k: v for k, v in message.items() if k not in ("parts", "tool_calls")}
    if parts := message.get("parts"):
        made["parts"] = [openapi_part(p) for p in parts]
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [openapi_call(c) for c in calls]
    return made


def openapi_part(part: Json) -> Json:
    """A content part; the stored address of an upload stands in when there is no other."""
    made = {k: v for k, v in part.items() if k in ("type", "text", "signature")}
    for name in ("image_url", "video_url"):
        if media := part.get(name):
            made[name] = media.get("url") or media.get("uri") or ""
    if config := part.get("media_config"):
        made["config"] = config
    return made


def openapi_call(call: Json) -> Json:
    """A tool call with everything the Python client requires."""
    function = call.get("function_call") or {}
    made = {"index": int(call.get("index") or 0), "id": call.get("id") or "", "type": call.get("type") or "function"}
    return {**made, "function_call": {"name": "", **function}}


def openapi_tool(tool: Json) -> Json:
    """A tool with everything the Python client requires."""
    return {"type": tool.get("type") or "function", "function": {"name": "", **(tool.get("function") or {})}}


def creators(rows: Iterable[Row], *columns: str) -> list[str]:
    """The users that the columns name, each once."""
    return list(dict.fromkeys(row[c] for row in rows for c in columns if row[c]))
