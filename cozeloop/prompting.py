"""From a committed prompt and its variables to the messages, tools and parameters of a model call. Pure.

Details, messages and variables are the contract's JSON (session or OpenAPI form); what comes out is OpenAI's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

Json = Mapping[str, Any]
TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
PLACEHOLDER_ROLES = frozenset({"system", "user", "assistant", "tool"})
TEMPLATE_UNSUPPORTED = 600501006
INVALID_PARAM = 600500202
LONGEST = 4 * 1024 * 1024
"""Characters that a prompt's variables may put in: a short template may name a long value many thousand times."""


class PromptNotRenderable(Exception):
    """The prompt cannot become messages; ``code`` is the contract's error code, the text says why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def render(detail: Json, variables: Sequence[Json] = (), messages: Sequence[Json] = ()) -> list[dict[str, Any]]:
    """The template's messages with the variables put in, then the caller's, in OpenAI's form.

    A tag ``{{name}}`` is replaced when exactly that name is declared: by the variable's value, by nothing when it
    has none. Values are not rendered again. Raises PromptNotRenderable for template types that are not built, and
    for a prompt that gets too long.
    """
    template = detail.get("prompt_template") or {}
    if (kind := template.get("template_type") or "normal") != "normal":
        raise PromptNotRenderable(TEMPLATE_UNSUPPORTED, f"template_type {kind!r} is not built yet: use 'normal'")
    scope = Scope(template.get("variable_defs") or (), variables)
    rendered: list[dict[str, Any]] = []
    for message in template.get("messages") or ():
        if message.get("role") == "placeholder":
            rendered.extend(to_openai(m) for m in scope.placeholder(message.get("content") or ""))
        else:
            rendered.append(to_openai(scope.message(message)))
    rendered.extend(to_openai(scope.message(m) if is_rendered(m) else m) for m in messages)
    return rendered


def tools(detail: Json) -> list[dict[str, Any]]:
    """The prompt's tools in OpenAI's form; none without a tool configuration or when its choice is ``none``."""
    choice = (detail.get("tool_call_config") or {}).get("tool_choice")
    if not choice or choice == "none":
        return []
    found = []
    for tool in detail.get("tools") or ():
        function = tool.get("function") or {}
        openai = {"name": function.get("name", ""), "description": function.get("description") or ""}
        if schema := function.get("parameters"):
            openai["parameters"] = parsed(schema, openai["name"])
        found.append({"type": tool.get("type") or "function", "function": openai})
    return found


def parsed(schema: str, name: str) -> Any:
    """The JSON schema of a tool's parameters; raises PromptNotRenderable when it is not JSON."""
    try:
        return orjson.loads(schema)
    except ValueError as error:
        raise PromptNotRenderable(INVALID_PARAM, f"tool {name!r}: parameters are not JSON") from error


class Scope:
    """The declared variables with their values."""

    def __init__(self, defs: Iterable[Json], variables: Iterable[Json]) -> None:
        self._types = {d.get("key", ""): d.get("type") or "string" for d in defs}
        self._given = {v.get("key", ""): v for v in variables}
        self._room = LONGEST

    def text(self, template: str) -> str:
        """The template with every declared tag replaced; others stay, white space inside braces counts."""
        return TAG.sub(lambda m: self._value(m[1]) if m[1] in self._types else m[0], template)

    def message(self, message: Json) -> dict[str, Any]:
        """The message with its text and parts rendered."""
        made = dict(message)
        if message.get("content"):
            made["content"] = self.text(message["content"])
        if message.get("parts"):
            made["parts"] = [p for part in message["parts"] for p in self._parts(part)]
        return made

    def placeholder(self, name: str) -> Sequence[Json]:
        """The messages given for a placeholder, as they are; none when nothing was given or it is not declared."""
        if self._types.get(name) != "placeholder":
            return ()
        given: Sequence[Json] = self._given.get(name, {}).get("placeholder_messages") or ()
        for message in given:
            if message.get("role") not in PLACEHOLDER_ROLES:
                raise PromptNotRenderable(
                    INVALID_PARAM, f"placeholder_messages of {name!r}: role {message.get('role')!r} is not allowed"
                )
        return given

    def _value(self, name: str) -> str:
        value = str(self._given.get(name, {}).get("value") or "")
        self._room -= len(value)
        if self._room < 0:
            raise PromptNotRenderable(INVALID_PARAM, f"{name!r}: the prompt gets longer than {LONGEST} characters")
        return value

    def _parts(self, part: Json) -> Iterable[Json]:
        if part.get("type") == "multi_part_variable":
            name = part.get("text") or ""
            declared = self._types.get(name) == "multi_part"
            return (self._given.get(name, {}).get("multi_part_values") or ()) if declared else ()
        return ({**part, "text": self.text(part["text"])},) if part.get("text") else (part,)


def is_rendered(message: Json) -> bool:
    """Whether a caller's message is a template: system and user unless skipped, assistant when asked, tool never."""
    skip = message.get("skip_render")
    match message.get("role"):
        case "system" | "user":
            return skip is not True
        case "assistant":
            return skip is False
        case _:
            return False


def to_openai(message: Json) -> dict[str, Any]:
    """A contract message in OpenAI's form; empty parts are dropped."""
    role = message.get("role") or "user"
    parts = [p for part in message.get("parts") or () if (p := part_to_openai(part))]
    made: dict[str, Any] = {"role": role, "content": parts or message.get("content") or ""}
    if role == "tool":
        made["tool_call_id"] = message.get("tool_call_id") or ""
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [call_to_openai(c) for c in calls]
    return made


def part_to_openai(part: Json) -> dict[str, Any] | None:
    """A content part in OpenAI's form; base64 data is a data URL already. None when there is nothing in it."""
    if url := url_of(part.get("image_url")) or part.get("base64_data"):
        return {"type": "image_url", "image_url": {"url": url}}
    if url := url_of(part.get("video_url")):
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "text", "text": part["text"]} if part.get("text") else None


def url_of(media: Any) -> str:
    """The address of an image or video: an object with ``url`` in the session API, a bare text in OpenAPI."""
    found = media.get("url") or media.get("uri") if isinstance(media, Mapping) else media
    return found or ""


def call_to_openai(call: Json) -> dict[str, Any]:
    """A tool call in OpenAI's form."""
    function = call.get("function_call") or {}
    return {
        "id": call.get("id") or "",
        "type": "function",
        "function": {"name": function.get("name") or "", "arguments": function.get("arguments") or ""},
    }
