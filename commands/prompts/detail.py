"""What a prompt's detail may hold: only what every reader of the contract can take.

Official clients refuse a whole answer when one value is not in their lists, so such a value never gets in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from commands.prompts.messages import PromptFieldInvalid

Json = Mapping[str, Any]
INTEGER = re.compile("[0-9]{1,9}")
TEMPLATE_TYPES = ("normal", "jinja2", "go_template", "custom_template_m")
ROLES = ("system", "user", "assistant", "tool", "placeholder")
PART_TYPES = ("text", "image_url", "video_url", "multi_part_variable")
VARIABLE_TYPES = (
    *("string", "boolean", "integer", "float", "object"),
    *("array<string>", "array<boolean>", "array<integer>", "array<float>", "array<object>"),
    *("placeholder", "multi_part"),
)
TOOL_TYPES = ("function", "google_search")
TOOL_CHOICES = ("none", "auto", "specific")


def check_detail(detail: Json, at: str) -> None:
    """Refuses a detail with a value that is not the contract's; the text names the field below ``at``."""
    template = detail.get("prompt_template") or {}
    one_of(template.get("template_type") or "normal", TEMPLATE_TYPES, f"{at}.prompt_template.template_type")
    if template.get("has_snippet"):
        raise PromptFieldInvalid(f"{at}.prompt_template.has_snippet: snippets are not built yet")
    for name, message in numbered(template.get("messages"), f"{at}.prompt_template.messages"):
        one_of(message.get("role"), ROLES, f"{name}.role")
        for part_name, part in numbered(message.get("parts"), f"{name}.parts"):
            one_of(part.get("type"), PART_TYPES, f"{part_name}.type")
        for call_name, call in numbered(message.get("tool_calls"), f"{name}.tool_calls"):
            one_of(call.get("type") or "function", TOOL_TYPES, f"{call_name}.type")
            if not INTEGER.fullmatch(str(call.get("index") or 0)):
                raise PromptFieldInvalid(f"{call_name}.index {call.get('index')!r} is not a number")
    for name, variable in numbered(template.get("variable_defs"), f"{at}.prompt_template.variable_defs"):
        one_of(variable.get("type") or "string", VARIABLE_TYPES, f"{name}.type")
    for name, tool in numbered(detail.get("tools"), f"{at}.tools"):
        one_of(tool.get("type") or "function", TOOL_TYPES, f"{name}.type")
    if config := detail.get("tool_call_config"):
        one_of(config.get("tool_choice") or "auto", TOOL_CHOICES, f"{at}.tool_call_config.tool_choice")


def one_of(value: Any, allowed: Collection[str], name: str) -> None:
    """Refuses a value that is not one of those allowed."""
    if value not in allowed:
        raise PromptFieldInvalid(f"{name} {value!r} is not one of {', '.join(allowed)}")


def numbered(items: Any, name: str) -> Iterable[tuple[str, Json]]:
    """The items of a list with their names, for errors."""
    return ((f"{name}[{i}]", item) for i, item in enumerate(items or ()))
