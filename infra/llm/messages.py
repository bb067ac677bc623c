"""Messages and tools in OpenAI's form, also when they come in the contract's (``function_call``, schemas as texts)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from infra.llm.port import REQUEST_INVALID, ModelFailed


def message(given: Mapping[str, Any]) -> dict[str, Any]:
    """A message. One that only calls tools has no content: some providers refuse an empty one."""
    answer = dict(given)
    if calls := answer.get("tool_calls"):
        answer["tool_calls"] = [_tool_call(call) for call in calls]
        answer["content"] = answer.get("content") or None
    return answer


def tool(given: Mapping[str, Any]) -> dict[str, Any]:
    """A tool; its parameters are an object, also when they came as a text. Raises ModelFailed naming it."""
    answer = dict(given)
    function = answer.get("function")
    if isinstance(function, Mapping) and isinstance(text := function.get("parameters"), str):
        schema = None
        with suppress(ValueError):
            schema = json.loads(text or "{}")
        if not isinstance(schema, dict):
            raise ModelFailed(f"the parameters of tool {function.get('name')} are no JSON object", REQUEST_INVALID)
        answer["function"] = {**function, "parameters": schema}
    return answer


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    answer = dict(call)
    if "function" not in answer and "function_call" in answer:
        answer["function"] = answer.pop("function_call")
    answer.pop("index", None)  # of a stream's pieces; a message has none
    return {"type": "function", **answer}
