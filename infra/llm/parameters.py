"""A call in Coze Loop's names as one in OpenAI's; `infra.llm.protocols` translates it further."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.llm.messages import message, tool
from infra.llm.model import Model, ParamSchema
from infra.llm.port import NOT_COMPATIBLE, REQUEST_INVALID, Chat, ModelFailed
from infra.llm.protocols import details_of


def _whole(value: Any) -> int:
    return int(str(value))


COMMON: Final[Mapping[str, Callable[[Any], Any]]] = {
    "temperature": float,
    "max_tokens": _whole,
    "top_p": float,
    "top_k": _whole,
    "presence_penalty": float,
    "frequency_penalty": float,
    "stop": lambda value: json.loads(value) if isinstance(value, str) else list(value),
}
"""Parameters that every model has, with how their value is read. 0 tokens or a top_k of 0 means unset."""

_BY_TYPE: Final[Mapping[str, Callable[[str], Any]]] = {
    "float": float,
    "int": _whole,
    "boolean": lambda text: text.lower() == "true",
    "string": str,
    "object": json.loads,
}


def arguments(model: Model, call: Chat) -> dict[str, Any]:
    """What the call says beyond address and key; ``extra`` is what has a place of its own in the body.

    Raises ModelFailed when the model cannot do it or a value is wrong.
    """
    answer: dict[str, Any] = {"messages": [message(m) for m in call.messages]}
    if call.tools:
        answer["tools"] = [tool(t) for t in call.tools]
        if call.tool_choice:
            answer["tool_choice"] = call.tool_choice
    schemas = {s.name: s for s in model.param_config.param_schemas} if model.param_config else {}
    extra: dict[str, Any] = {}
    for name, read in COMMON.items():
        if (value := call.parameters.get(name)) is None:
            value = schemas[name].default_value or None if name in schemas else None
        if value is not None:
            answer[name] = _read(name, read, value)
    for entry in call.parameters.get("param_config_values") or ():
        if schema := schemas.get(str(entry.get("name") or "")):
            _put(schema, str((entry.get("value") or {}).get("value") or ""), answer, extra)
    for name in ("max_tokens", "top_k"):
        if answer.get(name) == 0:
            del answer[name]
    if form := _response_format(model, call):
        answer["response_format"] = form
    if extra:
        answer["extra"] = extra
    details = details_of(model)
    if details.custom_headers:
        answer["extra_headers"] = {k: v.get_secret_value() for k, v in details.custom_headers.items()}
    _compatible(model, answer)
    return answer


def _read(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (TypeError, ValueError):
        pass
    raise ModelFailed(f"parameter {name} has a value of the wrong type", REQUEST_INVALID)


def _put(schema: ParamSchema, text: str, common: dict[str, Any], extra: dict[str, Any]) -> None:
    """A value of a parameter that the catalogue describes, at its ``json_path`` in the request's body."""
    if not text or schema.type == "void":
        return
    if schema.name in COMMON:
        common[schema.name] = _read(schema.name, COMMON[schema.name], text)
        return
    *parents, last = (schema.json_path or schema.name).removeprefix("$.").split(".")
    for name in parents:
        if not isinstance(extra.setdefault(name, {}), dict):
            extra[name] = {}
        extra = extra[name]
    extra[last] = _read(schema.name, _BY_TYPE[schema.type], text)


def _response_format(model: Model, call: Chat) -> dict[str, Any] | None:
    """The form the caller wants, else the one that the catalogue sets."""
    if call.parameters.get("json_mode"):
        return {"type": "json_object"}
    details = details_of(model)
    kind = details.response_format_type
    if kind == "json_schema" and details.response_format_json_schema:
        schema = _read("response_format_json_schema", json.loads, details.response_format_json_schema)
        return {"type": "json_schema", "json_schema": schema}
    return {"type": kind} if kind == "json_object" else None


def _compatible(model: Model, answer: Mapping[str, Any]) -> None:
    """What the catalogue says that a model cannot do is not sent. A model without ``ability`` says nothing."""
    ability = model.ability
    if not ability:
        return
    if answer.get("tools") and not ability.function_call:
        raise ModelFailed(f"model {model.name} does not support function calls", NOT_COMPATIBLE)
    if answer.get("response_format") == {"type": "json_object"} and not ability.json_mode:
        raise ModelFailed(f"model {model.name} does not support json mode", NOT_COMPATIBLE)
    parts = (p for m in answer["messages"] if isinstance(m.get("content"), list) for p in m["content"])
    if not ability.multi_modal and any(p.get("type", "text") != "text" for p in parts):
        raise ModelFailed(f"model {model.name} does not support images or video", NOT_COMPATIBLE)
