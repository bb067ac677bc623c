"""The models that a workspace may choose from. What they are stands in the installation's ``model_config.yaml``."""

from __future__ import annotations

from typing import Any

from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import INVALID_PARAM, UNREGISTERED, Module
from cozeloop.api.routing import Api
from cozeloop.api.wire import llm as wire

api = Api(Module.LLM)

PAGE_SIZE = 20
LARGEST_PAGE = 200
DEFAULT_SCENARIO = "default"


@api.post("/api/llm/v1/models/list", wire.ListModelsRequest, wire.ListModelsResponse)
async def list_models(edge: Edge, req: wire.ListModelsRequest) -> dict[str, Any]:
    """Those available in the scenario, in the catalogue's order; ``page_token`` is a decimal offset."""
    space = await edge.enter_space(req.workspace_id)
    offset = offset_of(req.page_token)
    size = min(req.page_size, LARGEST_PAGE) if req.page_size and req.page_size > 0 else PAGE_SIZE
    models = edge.platform.models.list(space, req.scenario or DEFAULT_SCENARIO)
    end = offset + size
    has_more = end < len(models)
    return {
        "models": list(models[offset:end]),
        "has_more": has_more,
        "next_page_token": str(end) if has_more else "",
        "total": len(models),
    }


@api.post("/api/llm/v1/models/:model_id", wire.GetModelRequest, wire.GetModelResponse)
async def get_model(edge: Edge, req: wire.GetModelRequest) -> dict[str, Any]:
    """One model. Unknown here and configured for other workspaces alone are one answer."""
    space = await edge.enter_space(req.workspace_id)
    model = edge.platform.models.get(req.model_id, space)
    if model is None:
        raise ApiError(UNREGISTERED, f"Service Internal Error,model {req.model_id} not found")
    return {"model": model}


def offset_of(page_token: str | None) -> int:
    """The offset that a page token names; none is the first page."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) < 10):
        raise ApiError(Module.LLM.code(INVALID_PARAM), "invalid param,page_token: must be a decimal offset")
    return int(page_token)
