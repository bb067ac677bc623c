"""Items of evaluation sets: added in pages, changed, removed, read from the draft or a version (behaviour.md §5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.datasets.messages import (
    AddDatasetRows,
    ChangeDatasetRow,
    ClearDatasetRows,
    DatasetRowsRefused,
    RemoveDatasetRows,
)
from cozeloop.api.datasets import translate
from cozeloop.api.datasets.paging import order_of, page_of
from cozeloop.api.datasets.refusals import DATA_INVALID_PARAM, INVALID_PARAM
from cozeloop.api.datasets.routes import SET, existing
from cozeloop.api.datasets.versions import version_of
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import Module
from cozeloop.api.paging import make_token
from cozeloop.api.people import base_info_users
from cozeloop.api.routing import Api
from cozeloop.api.wire import evaluation as wire
from cozeloop.contents import facts_for
from events.datasets import DatasetRowsAdded, KeptRow
from events.event import Erased
from projections.datasets.datasets import DATASETS, Row
from projections.datasets.rows import DATASET_ROWS, ORDERS, get_rows, list_rows, rows_by_key

api = Api(Module.EVALUATION)
ITEMS = f"{SET}/items"
ASKED_LIMIT = 100
LEFT_OUT_LIMIT = 1000


@api.post(
    f"{ITEMS}/batch_create",
    wire.BatchCreateEvaluationSetItemsRequest,
    wire.BatchCreateEvaluationSetItemsResponse,
)
async def batch_create(edge: Edge, req: wire.BatchCreateEvaluationSetItemsRequest) -> dict[str, Any]:
    """A page of items for the draft, and what is wrong with those that were not taken."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    items = req.items or []
    ids = edge.ids(len(items)) if items else []
    command = AddDatasetRows(
        space_id=row["space_id"],
        dataset_id=row["dataset_id"],
        rows=tuple(translate.given_row(i, it.item_key, it.turns) for i, it in zip(ids, items, strict=True)),
        skip_invalid=bool(req.skip_invalid_items),
        allow_partial=bool(req.allow_partial_add),
        max_rows=edge.platform.settings.dataset_max_batch,
    )
    try:
        receipt = await edge.issue(command, DATASETS, DATASET_ROWS, prepare=facts_for(edge))
    except DatasetRowsRefused as refusal:
        return translate.added((), refusal.kept, refusal.refused)
    event = receipt.one(DatasetRowsAdded)
    if event is None:
        return translate.added((), await standing(edge, command), ())
    new = () if isinstance(event.rows, Erased) else [(r.index, r.item_id, r.item_key) for r in event.rows]
    kept = () if isinstance(event.kept, Erased) else event.kept
    return translate.added(new, kept, () if isinstance(event.refused, Erased) else event.refused)


@api.post(f"{ITEMS}/list", wire.ListEvaluationSetItemsRequest, wire.ListEvaluationSetItemsResponse)
async def list_items(edge: Edge, req: wire.ListEvaluationSetItemsRequest) -> dict[str, Any]:
    """A page of the items of the draft or a version."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    version = await version_of(edge, row, req.version_id)
    field, ascending = order_of(req.order_bys, ORDERS)
    column = ORDERS[field]
    page = page_of(req.page_number, req.page_size, req.page_token, str if column == "item_id" else int, int)
    left_out = req.item_id_not_in or ()
    if len(left_out) > LEFT_OUT_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,item_id_not_in has more than {LEFT_OUT_LIMIT} ids")
    revision = version["revision"] if version else None
    rows = await edge.ask(
        list_rows, row["dataset_id"], revision, field, ascending, page.size, page.offset, page.after, left_out
    )
    token = {"next_page_token": make_token(rows[-1][column], rows[-1]["ordinal"])} if len(rows) == page.size else {}
    return {"items": await shown(edge, row, version, rows), "total": str((version or row)["item_count"]), **token}


@api.post(f"{ITEMS}/batch_get", wire.BatchGetEvaluationSetItemsRequest, wire.BatchGetEvaluationSetItemsResponse)
async def batch_get(edge: Edge, req: wire.BatchGetEvaluationSetItemsRequest) -> dict[str, Any]:
    """Those of the items that the draft or a version holds."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    version = await version_of(edge, row, req.version_id)
    wanted = [*(req.item_ids or ()), *(ref.item_id for ref in req.item_version_queries or () if ref.item_id)]
    if len(wanted) > ASKED_LIMIT:
        raise ApiError(DATA_INVALID_PARAM, f"invalid param,item_ids has more than {ASKED_LIMIT} ids")
    rows = await edge.ask(get_rows, row["dataset_id"], version["revision"] if version else None, wanted)
    return {"items": await shown(edge, row, version, rows)}


@api.put(f"{ITEMS}/:item_id", wire.UpdateEvaluationSetItemRequest, wire.UpdateEvaluationSetItemResponse)
async def update(edge: Edge, req: wire.UpdateEvaluationSetItemRequest) -> dict[str, Any]:
    """Other turns for an item of the draft; without turns nothing changes."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    if req.turns is None:
        return {}
    command = ChangeDatasetRow(
        space_id=row["space_id"],
        dataset_id=row["dataset_id"],
        row=translate.given_row(req.item_id, None, req.turns),
    )
    await edge.issue(command, DATASETS, DATASET_ROWS, prepare=facts_for(edge))
    return {}


@api.post(
    f"{ITEMS}/batch_delete",
    wire.BatchDeleteEvaluationSetItemsRequest,
    wire.BatchDeleteEvaluationSetItemsResponse,
)
async def batch_delete(edge: Edge, req: wire.BatchDeleteEvaluationSetItemsRequest) -> dict[str, Any]:
    """Items leave the draft; those that are not there are left out of account."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    command = RemoveDatasetRows(
        space_id=row["space_id"],
        dataset_id=row["dataset_id"],
        item_ids=tuple(req.item_ids or ()),
        max_rows=edge.platform.settings.dataset_max_batch,
    )
    await edge.issue(command, DATASETS, DATASET_ROWS, prepare=facts_for(edge))
    return {}


@api.post(f"{ITEMS}/clear", wire.ClearEvaluationSetDraftItemRequest, wire.ClearEvaluationSetDraftItemResponse)
async def clear(edge: Edge, req: wire.ClearEvaluationSetDraftItemRequest) -> dict[str, Any]:
    """Every item leaves the draft."""
    row = await existing(edge, req.evaluation_set_id, req.workspace_id)
    command = ClearDatasetRows(space_id=row["space_id"], dataset_id=row["dataset_id"])
    await edge.issue(command, DATASETS, DATASET_ROWS, prepare=facts_for(edge))
    return {}


async def shown(edge: Edge, dataset: Row, version: Row | None, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as items, under the fields of the draft or the version."""
    users = await base_info_users(edge, translate.people_of(*rows))
    fields = (version or dataset)["fields"]
    return [translate.item(row, dataset["space_id"], fields, users) for row in rows]


async def standing(edge: Edge, command: AddDatasetRows) -> list[KeptRow]:
    """The rows that the draft holds under the keys of a request that brought nothing new."""
    places = {row.item_key or row.item_id: index for index, row in enumerate(command.rows)}
    rows = await edge.ask(rows_by_key, command.dataset_id, None, list(places))
    return [KeptRow(index=places[r["item_key"]], item_id=r["item_id"], item_key=r["item_key"]) for r in rows]
