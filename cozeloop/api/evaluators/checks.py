"""Whether content may stand as a version: the decider's rules, and what only the sandbox and the models know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.evaluators.content import check_content, code_of, is_judge, model_id_of
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.evaluators import translate
from cozeloop.api.evaluators.refusals import INVALID_PARAM
from cozeloop.api.values import canonical
from cozeloop.api.wire import evaluation as wire

CONTENT_LIMIT = 512 * 1024
"""Bytes of a content's JSON: a draft is one message of the log server."""
SYNTAX = 601205047
MODEL_MISSING = 601205007


async def checked(edge: Edge, evaluator_type: int, given: wire.EvaluatorContent | None) -> dict[str, Any]:
    """Content that may stand as a version."""
    if given is None:
        raise missing("evaluator_content")
    content = content_of(given)
    check_content(evaluator_type, content)
    await check_source(edge, content)
    return content


async def check_source(edge: Edge, content: Mapping[str, Any]) -> None:
    """Refuses source that the sandbox would not run; a judge has none."""
    if is_judge(content):
        return
    code = code_of(content)
    if wrong := await edge.platform.code.check_syntax(code):
        raise ApiError(SYNTAX, f"evaluator code is not valid,{wrong}")
    if refused := edge.platform.code.check_static(code):
        raise ApiError(refused[0], f"evaluator code is refused,{refused[1]}")


def check_model(edge: Edge, space: str, content: Mapping[str, Any]) -> None:
    """Refuses a judge whose model this space has not."""
    model_id = model_id_of(content)
    if is_judge(content) and edge.platform.models.get(model_id, space) is None:
        raise ApiError(MODEL_MISSING, f"prompt_evaluator.model_config: model {model_id} is not configured")


def content_of(given: wire.EvaluatorContent) -> dict[str, Any]:
    """Content as it is kept; refuses what is longer than a draft may be."""
    content = translate.normalised(given.model_dump(mode="json", by_alias=True, exclude_none=True))
    if len(canonical(content).encode()) > CONTENT_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,evaluator_content is longer than {CONTENT_LIMIT} bytes")
    return content


def missing(name: str) -> ApiError:
    """The refusal of a request without a required field."""
    return ApiError(INVALID_PARAM, f"invalid param,{name} is required")
