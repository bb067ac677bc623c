"""A prompt evaluator's content, for every specification of one."""

from __future__ import annotations

import json
from typing import Any


def message(role: int, text: str) -> dict[str, Any]:
    return {"role": role, "content": {"content_type": "Text", "text": text}}


def judge_content(*messages: dict[str, Any], model_id: str = "1", **content: Any) -> dict[str, Any]:
    """A judge with these messages, or with a system's and the user's ``{{input}}``."""
    tools = content.pop("tools", None)
    prompt: dict[str, Any] = {
        "message_list": list(messages) or [message(1, "Judge the answer."), message(2, "{{input}}")],
        "model_config": {"model_id": model_id, "temperature": 0.1},
    }
    return {"prompt_evaluator": prompt | ({"tools": tools} if tools else {}), **content}


def tool(name: str = "eval", **score: Any) -> dict[str, Any]:
    """The function of a judge whose score has this schema."""
    properties = {"reason": {"type": "string"}, "score": {"type": "number", **score}}
    return {"type": 1, "function": {"name": name, "parameters": json.dumps({"properties": properties})}}


def text(value: str) -> dict[str, Any]:
    return {"content_type": "Text", "text": value}
