"""Evaluation sets: created under a name, described, given a schema, listed, deleted (behaviour.md §5.1, §5.2, §6.1)."""

from __future__ import annotations

from typing import Any

from commands.datasets.dataset import NAME
from commands.datasets.messages import (
    ChangeDatasetSchema,
    CreateDataset,
    DatasetMissing,
    DeleteDataset,
    RenameDataset,
)
from cozeloop.api.datasets import translate
from cozeloop.api.datasets.paging import order_of, page_of
from cozeloop.api.datasets.refusals import INVALID_PARAM
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import Module
from cozeloop.api.paging import make_token
from cozeloop.api.people import base_info_users
from cozeloop.api.routing import Api
from cozeloop.api.wire import evaluation as wire
from events.datasets import DatasetCreated, Spec
from projections.datasets.datasets import DATASETS, ORDERS, DatasetFilter, Row, get_dataset, list_datasets
from projections.datasets.rows import DATASET_ROWS

api = Api(Module.EVALUATION)
SETS = "/api/evaluation/v1/evaluation_sets"
SET = f"{SETS}/:evaluation_set_id"
CREATORS_LIMIT = 200


@api.post(SETS, wire.CreateEvaluationSetRequest, wire.CreateEvaluationSetResponse)
async def create(edge: Edge, req: wire.CreateEvaluationSetRequest) -> dict[str, Any]:
    """A new set with its first schema; the server makes the keys of fields that have none."""
    space = await edge.enter_space(req.workspace_id)
    if int(req.template_dataset_id or 0) > 0:
        raise ApiError(INVALID_PARAM, "invalid param,template_dataset_id: there are no templates")
    if not req.name or req.evaluation_set_schema is None:
        missing = "evaluation_set_schema" if req.name else "name"
        raise ApiError(INVALID_PARAM, f"invalid param,{missing} is required")
    dataset_id, schema_id = edge.ids(2)
    settings = edge.platform.settings
    command = CreateDataset(
        space_id=space,
        dataset_id=dataset_id,
        schema_id=schema_id,
        name=req.name,
        description=req.description or "",
        biz_category=req.biz_category or "",
        name_reservation=await name_reservation(edge, space, req.name),
        fields=translate.given_fields(req.evaluation_set_schema.field_schemas),
        spec=Spec(
            max_items=settings.dataset_max_items,
            max_fields=settings.dataset_max_fields,
            max_item_bytes=settings.dataset_max_item_bytes,
        ),
    )
    receipt = await edge.issue(command, DATASETS)
    created = receipt.one(DatasetCreated)
    return {"evaluation_set_id": created.dataset_id if created else dataset_id}


@api.get(SET, wire.GetEvaluationSetRequest, wire.GetEvaluationSetResponse)
async def get(edge: Edge, req: wire.GetEvaluationSetRequest) -> dict[str, Any]:
    """A set with its draft."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id, bool(req.deleted_at))
    users = await base_info_users(edge, translate.people_of(row))
    return {"evaluation_set": translate.evaluation_set(row, users)}


@api.patch(SET, wire.UpdateEvaluationSetRequest, wire.UpdateEvaluationSetResponse)
async def update(edge: Edge, req: wire.UpdateEvaluationSetRequest) -> dict[str, Any]:
    """Another name or description."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    space = row["space_id"]
    command = RenameDataset(
        space_id=space,
        dataset_id=req.evaluation_set_id,
        name=req.name,
        name_reservation=await name_reservation(edge, space, req.name) if req.name is not None else "",
        description=req.description,
    )
    await edge.issue(command, DATASETS)
    return {}


@api.delete(SET, wire.DeleteEvaluationSetRequest, wire.DeleteEvaluationSetResponse)
async def delete(edge: Edge, req: wire.DeleteEvaluationSetRequest) -> dict[str, Any]:
    """The set goes, its name is free again; what pinned its versions still reads them."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    await edge.issue(DeleteDataset(space_id=row["space_id"], dataset_id=req.evaluation_set_id), DATASETS)
    return {}


@api.put(f"{SET}/schema", wire.UpdateEvaluationSetSchemaRequest, wire.UpdateEvaluationSetSchemaResponse)
async def update_schema(edge: Edge, req: wire.UpdateEvaluationSetSchemaRequest) -> dict[str, Any]:
    """Other fields; those left out are deleted."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    command = ChangeDatasetSchema(
        space_id=row["space_id"],
        dataset_id=req.evaluation_set_id,
        schema_id=edge.ids(1)[0],
        fields=translate.given_fields(req.fields),
    )
    await edge.issue(command, DATASETS, DATASET_ROWS)
    return {}


@api.post(f"{SETS}/list", wire.ListEvaluationSetsRequest, wire.ListEvaluationSetsResponse)
async def list_sets(edge: Edge, req: wire.ListEvaluationSetsRequest) -> dict[str, Any]:
    """A page of a space's sets."""
    space = await edge.enter_space(req.workspace_id)
    field, ascending = order_of(req.order_bys, ORDERS)
    page = page_of(req.page_number, req.page_size, req.page_token, int, str)
    for name, given in (("creators", req.creators), ("evaluation_set_ids", req.evaluation_set_ids)):
        if len(given or ()) > CREATORS_LIMIT:
            raise ApiError(INVALID_PARAM, f"invalid param,{name} has more than {CREATORS_LIMIT} entries")
    wanted = DatasetFilter(space, req.name or "", req.creators or (), req.evaluation_set_ids or ())
    rows, total = await edge.ask(list_datasets, wanted, field, ascending, page.size, page.offset, page.after)
    users = await base_info_users(edge, translate.people_of(*rows))
    return {
        "evaluation_sets": [translate.evaluation_set(row, users) for row in rows],
        "total": str(total),
        **({"next_page_token": make_token(rows[-1][field], rows[-1]["dataset_id"])} if len(rows) == page.size else {}),
    }


async def existing(edge: Edge, dataset_id: str, workspace_id: str | None, include_deleted: bool = False) -> Row:
    """The set in a space of the caller; refuses any other as missing."""

    def gone() -> Exception:
        return DatasetMissing(f"evaluation_set_id {dataset_id}")

    await edge.enter("datasets", dataset_id, workspace_id, missing=gone)
    row = await edge.ask(get_dataset, dataset_id, include_deleted)
    if row is None and await edge.repeats():
        row = await edge.ask(get_dataset, dataset_id, True)
    if row is None:
        raise gone()
    return row


async def name_reservation(edge: Edge, space: str, name: str) -> str:
    """The digest that reserves the name in the space."""
    return await edge.platform.keys.digest(space, f"{NAME}:{name}")
