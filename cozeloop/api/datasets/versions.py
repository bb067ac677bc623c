"""Versions of evaluation sets: the draft, named, for ever (behaviour.md §5.4)."""

from __future__ import annotations

from typing import Any

from commands.datasets.messages import CreateDatasetVersion, DatasetMissing
from cozeloop.api.datasets import translate
from cozeloop.api.datasets.paging import page_of
from cozeloop.api.datasets.routes import SET, existing
from cozeloop.api.edge import Edge
from cozeloop.api.modules import Module
from cozeloop.api.paging import make_token
from cozeloop.api.people import base_info_users
from cozeloop.api.routing import Api
from cozeloop.api.wire import evaluation as wire
from cozeloop.contents import digest_for
from events.datasets import DatasetVersionCreated
from projections.datasets.datasets import DATASETS, Row
from projections.datasets.rows import DATASET_ROWS
from projections.datasets.versions import DATASET_VERSIONS, get_version, list_versions

api = Api(Module.EVALUATION)
VERSIONS = f"{SET}/versions"


@api.post(VERSIONS, wire.CreateEvaluationSetVersionRequest, wire.CreateEvaluationSetVersionResponse)
async def create(edge: Edge, req: wire.CreateEvaluationSetVersionRequest) -> dict[str, Any]:
    """The draft as a version."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    command = CreateDatasetVersion(
        space_id=row["space_id"],
        dataset_id=req.evaluation_set_id,
        version_id=edge.ids(1)[0],
        version=req.version or "",
        description=req.desc or "",
    )
    receipt = await edge.issue(command, DATASETS, DATASET_VERSIONS, DATASET_ROWS, prepare=digest_for(edge))
    created = receipt.one(DatasetVersionCreated)
    return {"id": created.version_id if created else command.version_id}


@api.get(f"{VERSIONS}/:version_id", wire.GetEvaluationSetVersionRequest, wire.GetEvaluationSetVersionResponse)
async def get(edge: Edge, req: wire.GetEvaluationSetVersionRequest) -> dict[str, Any]:
    """A version with its set around it; the set's own id names the draft."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id, bool(req.deleted_at))
    found = await version_of(edge, row, req.version_id)
    users = await base_info_users(edge, translate.people_of(row, *([found] if found else [])))
    shown = translate.version(found, users) if found else translate.draft(row, users)
    return {"version": shown, "evaluation_set": translate.evaluation_set(row, users, shown)}


@api.post(f"{VERSIONS}/list", wire.ListEvaluationSetVersionsRequest, wire.ListEvaluationSetVersionsResponse)
async def list_page(edge: Edge, req: wire.ListEvaluationSetVersionsRequest) -> dict[str, Any]:
    """A page of a set's versions, newest first."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    page = page_of(req.page_number, req.page_size, req.page_token, int, int)
    before = page.after[0] if page.after else None
    rows, total = await edge.ask(
        list_versions, row["dataset_id"], req.version_like or "", page.size, page.offset, before
    )
    users = await base_info_users(edge, translate.people_of(*rows))
    return {
        "versions": [translate.version(r, users) for r in rows],
        "total": str(total),
        **({"next_page_token": make_token(rows[-1]["number"], 0)} if len(rows) == page.size else {}),
    }


async def version_of(edge: Edge, dataset: Row, version_id: str | None) -> Row | None:
    """The set's version of this id, None for the draft; refuses any other as missing."""
    if version_id in (None, "", "0", dataset["dataset_id"]):
        return None
    found = await edge.ask(get_version, version_id or "")
    if found is None or found["dataset_id"] != dataset["dataset_id"]:
        raise DatasetMissing(f"version_id {version_id}")
    return found
