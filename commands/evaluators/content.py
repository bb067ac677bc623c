"""What an evaluator's content must hold before it may stand as a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.evaluators.messages import (
    EvaluatorCodeEmpty,
    EvaluatorContentMissing,
    EvaluatorLanguageUnsupported,
    EvaluatorTypeUnsupported,
)

CODE_TYPE = 2
PYTHON = "Python"
PART_OF_TYPE: Mapping[int, str] = {
    1: "prompt_evaluator",
    2: "code_evaluator",
    3: "custom_rpc_evaluator",
    4: "agent_evaluator",
}
"""The contract's evaluator types, each with the part of the content that makes it one."""


def check_content(evaluator_type: int, content: Mapping[str, Any]) -> None:
    """Refuses content that could not stand as a version of this type."""
    check_type(evaluator_type)
    check_part(evaluator_type, content)
    check_code(content)


def check_type(evaluator_type: int) -> None:
    """Refuses what no runner exists for."""
    if evaluator_type not in PART_OF_TYPE:
        raise EvaluatorTypeUnsupported(f"evaluator_type {evaluator_type} is unknown")
    if evaluator_type != CODE_TYPE:
        raise EvaluatorTypeUnsupported(
            f"evaluator_type {evaluator_type} is not built yet: only code evaluators (2) are"
        )


def check_part(evaluator_type: int, content: Mapping[str, Any]) -> None:
    """Refuses content without the part of its type, or with the part of another."""
    part = PART_OF_TYPE[evaluator_type]
    if not isinstance(content.get(part), Mapping):
        raise EvaluatorContentMissing(f"evaluator_content.{part} is required")
    if others := [p for p in PART_OF_TYPE.values() if p != part and content.get(p) is not None]:
        raise EvaluatorContentMissing(f"evaluator_content.{others[0]} does not fit evaluator_type {evaluator_type}")


def check_code(content: Mapping[str, Any]) -> None:
    """Refuses code that is absent or in a language without a runner."""
    language = content["code_evaluator"].get("language_type")
    if language != PYTHON:
        raise EvaluatorLanguageUnsupported(f"code_evaluator.language_type {language!r} is not built: use {PYTHON!r}")
    if not code_of(content).strip():
        raise EvaluatorCodeEmpty("code_evaluator.code_content is required")


def code_of(content: Mapping[str, Any]) -> str:
    """The Python source of a code evaluator's content, empty when there is none."""
    code = content.get("code_evaluator") or {}
    return str(code.get("code_content") or (code.get("lang_2_code_content") or {}).get(PYTHON) or "")
