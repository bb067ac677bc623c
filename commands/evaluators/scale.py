"""Which scores a judge may give: from the function that it is to call, else from its output schemas, else 0 to 1."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from commands.evaluators.messages import EvaluatorToolInvalid

FUNCTION = 1
"""The contract's tool type of a function."""
NAME_LIMIT = 64


@dataclass(frozen=True)
class Scale:
    """From ``low`` to ``high``, both allowed; when there are ``choices`` only these."""

    low: float = 0.0
    high: float = 1.0
    choices: tuple[float, ...] = ()

    def wrong(self, score: float) -> str:
        """Empty, or why the score cannot be one of this scale."""
        if self.choices:
            return "" if score in self.choices else f"score {score:g} is not one of {shown(self.choices)}"
        return "" if self.low <= score <= self.high else f"score {score:g} is not within {self.low:g} to {self.high:g}"

    def __str__(self) -> str:
        return f"one of {shown(self.choices)}" if self.choices else f"a number from {self.low:g} to {self.high:g}"


def shown(numbers: Iterable[float]) -> str:
    """The numbers as a sentence has them."""
    return ", ".join(f"{n:g}" for n in numbers)


def scale_of(content: Mapping[str, Any]) -> Scale:
    """The scale of a prompt evaluator's content; raises EvaluatorToolInvalid for one that makes no sense."""
    tool = function_of(content)
    if tool is not None and (declared := _declared(parameters_of(tool), "tools")):
        return declared
    for schema in content.get("output_schemas") or ():
        if isinstance(schema, Mapping) and schema.get("key") == "score" and schema.get("json_schema"):
            named = _object(schema["json_schema"], "output_schemas")
            return _scale(named, "output_schemas") or Scale()
    return Scale()


def function_of(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function that a prompt evaluator has its model call with score and reason; None when it is to write them.

    Raises EvaluatorToolInvalid for a tool that is no function, has no name, or for more than one.
    """
    tools = (content.get("prompt_evaluator") or {}).get("tools") or ()
    if not tools:
        return None
    if len(tools) > 1:
        raise EvaluatorToolInvalid("prompt_evaluator.tools: a judge calls one function")
    tool = tools[0] or {}
    if tool.get("type", FUNCTION) != FUNCTION:
        raise EvaluatorToolInvalid("prompt_evaluator.tools: only functions (type 1) can be called")
    function: Mapping[str, Any] = tool.get("function") or {}
    name = str(function.get("name") or "")
    if not (0 < len(name) <= NAME_LIMIT and name.isascii() and name.replace("_", "").replace("-", "").isalnum()):
        raise EvaluatorToolInvalid(f"prompt_evaluator.tools: a name has 1 to {NAME_LIMIT} letters, digits, _ or -")
    return function


def parameters_of(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema of a function's arguments; raises EvaluatorToolInvalid unless it asks for score and reason."""
    schema = _object(function.get("parameters") or "", "tools")
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not {"score", "reason"} <= set(properties):
        raise EvaluatorToolInvalid("prompt_evaluator.tools: the parameters need the properties score and reason")
    return schema


def _declared(parameters: Mapping[str, Any], where: str) -> Scale | None:
    score = parameters["properties"]["score"]
    return _scale(score, where) if isinstance(score, Mapping) else None


def _scale(schema: Mapping[str, Any], where: str) -> Scale | None:
    """What a schema of the score declares; None when it says nothing of numbers."""
    if isinstance(enum := schema.get("enum"), list) and enum:
        choices = tuple(_number(value, where) for value in enum)
        return Scale(min(choices), max(choices), choices)
    if "minimum" not in schema and "maximum" not in schema:
        return None
    low = _number(schema.get("minimum", 0), where)
    high = _number(schema.get("maximum", max(low, 1.0)), where)
    if low > high:
        raise EvaluatorToolInvalid(f"{where}: the smallest score {low:g} is larger than the largest {high:g}")
    return Scale(low, high)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvaluatorToolInvalid(f"{where}: {str(value)[:50]!r} is no score")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise EvaluatorToolInvalid(f"{where}: a score is finite")
    return number


def _object(text: Any, where: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise EvaluatorToolInvalid(f"{where}: the JSON schema is no JSON object")
    return found
