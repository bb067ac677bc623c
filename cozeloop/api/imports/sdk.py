"""Imports as SDKs ask for them, by token (behaviour.md §6.5)."""

from __future__ import annotations

from typing import Any

from cozeloop.api.datasets.refusals import NOT_FOUND
from cozeloop.api.edge import Edge
from cozeloop.api.imports.routes import existing_job, requested, shown
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.wire import evaluation as wire

api = Api(Module.EVALUATION)
SETS = "/v1/loop/evaluation/evaluation_sets"


@api.post(
    f"{SETS}/:evaluation_set_id/import", wire.ImportEvaluationSetOApiRequest, wire.ImportEvaluationSetOApiResponse
)
async def import_set(edge: Edge, req: wire.ImportEvaluationSetOApiRequest) -> dict[str, Any]:
    """A job that adds the rows of an uploaded file to the draft."""
    return {"data": {"job_id": await requested(edge, req.evaluation_set_id, req, NOT_FOUND)}}


@api.get(f"{SETS}/io_job/:job_id", wire.GetEvaluationSetIOJobOApiRequest, wire.GetEvaluationSetIOJobOApiResponse)
async def get_job(edge: Edge, req: wire.GetEvaluationSetIOJobOApiRequest) -> dict[str, Any]:
    """How far a job has come, and what it did not take."""
    return {"data": {"job": await shown(edge, await existing_job(edge, req.job_id, req.workspace_id))}}
