"""What an evaluator's content must hold before it may stand as a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.datasets.messages import DatasetSchemaInvalid
from commands.datasets.text_schema import parsed
from commands.evaluators.messages import (
    EvaluatorCodeEmpty,
    EvaluatorContentMissing,
    EvaluatorInputSchemaInvalid,
    EvaluatorLanguageUnsupported,
    EvaluatorMessagesMissing,
    EvaluatorModelMissing,
    EvaluatorTypeUnsupported,
)
from commands.evaluators.scale import scale_of

PROMPT_TYPE = 1
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
    if evaluator_type == CODE_TYPE:
        check_code(content)
    else:
        check_prompt(content)


def check_type(evaluator_type: int) -> None:
    """Refuses what no runner exists for."""
    if evaluator_type not in PART_OF_TYPE:
        raise EvaluatorTypeUnsupported(f"evaluator_type {evaluator_type} is unknown")
    if evaluator_type not in (PROMPT_TYPE, CODE_TYPE):
        raise EvaluatorTypeUnsupported(
            f"evaluator_type {evaluator_type} is not built: only prompt (1) and code evaluators (2) are"
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


def check_prompt(content: Mapping[str, Any]) -> None:
    """Refuses a judge without messages or model, or whose inputs' schemas, function or scale make no sense."""
    prompt = content["prompt_evaluator"]
    messages = prompt.get("message_list") or ()
    if not messages or not all(said(message.get("content")) for message in messages):
        raise EvaluatorMessagesMissing("prompt_evaluator.message_list: every message needs a content")
    if (model_id_of(content) or "0") == "0":
        raise EvaluatorModelMissing("prompt_evaluator.model_config.model_id is required")
    for schema in content.get("input_schemas") or ():
        check_input_schema(schema)
    scale_of(content)


def check_input_schema(schema: Mapping[str, Any]) -> None:
    """Refuses an input without a key, or with a JSON schema that is none."""
    if not schema.get("key"):
        raise EvaluatorInputSchemaInvalid("input_schemas: key is required")
    if text := schema.get("json_schema"):
        try:
            parsed(text, schema["key"])
        except DatasetSchemaInvalid as error:
            raise EvaluatorInputSchemaInvalid(f"input_schemas: {error.detail}") from error


def said(content: Mapping[str, Any] | None) -> bool:
    """Whether a message's content holds anything."""
    found = content or {}
    return bool(found.get("text") or found.get("multi_part") or found.get("image") or found.get("video"))


def model_id_of(content: Mapping[str, Any]) -> str:
    """The model of a prompt evaluator's content, empty when it names none."""
    config = (content.get("prompt_evaluator") or {}).get("model_config") or {}
    return str(config.get("model_id") or "")


def is_judge(content: Mapping[str, Any]) -> bool:
    """Whether the content asks a model."""
    return isinstance(content.get("prompt_evaluator"), Mapping)


def code_of(content: Mapping[str, Any]) -> str:
    """The Python source of a code evaluator's content, empty when there is none."""
    code = content.get("code_evaluator") or {}
    return str(code.get("code_content") or (code.get("lang_2_code_content") or {}).get(PYTHON) or "")
