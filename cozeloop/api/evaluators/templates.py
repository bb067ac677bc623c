"""Templates of evaluators (behaviour.md §6.2, templates V1)."""

from __future__ import annotations

from typing import Any

from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.evaluators.refusals import INVALID_PARAM
from cozeloop.api.evaluators.routes import PATH, api
from cozeloop.api.wire import evaluation as wire
from cozeloop.judging.templates import BY_TYPE

TEMPLATE_MISSING = 601205003


@api.post(f"{PATH}/evaluators/list_template", wire.ListTemplatesRequest, wire.ListTemplatesResponse)
async def list_template(edge: Edge, req: wire.ListTemplatesRequest) -> dict[str, Any]:
    """Keys and names of the templates of a type."""
    return {"builtin_template_keys": [t.named() for t in of_type(req.builtin_template_type).values()]}


@api.post(f"{PATH}/evaluators/get_template_info", wire.GetTemplateInfoRequest, wire.GetTemplateInfoResponse)
async def get_template_info(edge: Edge, req: wire.GetTemplateInfoRequest) -> dict[str, Any]:
    """A template's content. Scripts are in Python alone."""
    template = of_type(req.builtin_template_type).get(req.builtin_template_key or "")
    if template is None or (req.language_type or "Python") != "Python":
        raise ApiError(TEMPLATE_MISSING, "evaluator template not found")
    return {"builtin_template": template.content()}


def of_type(type_: int | None) -> Any:
    """The templates of a type by key."""
    if type_ not in BY_TYPE:
        raise ApiError(INVALID_PARAM, "invalid param,builtin_template_type must be 1 (prompt) or 2 (code)")
    return BY_TYPE[type_]
