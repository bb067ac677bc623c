"""Evaluators over HTTP: bind, command, answer (behaviour.md §6.2). A space shares one draft of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.evaluators import messages as rules
from commands.evaluators.content import CODE_TYPE, check_code, check_content, check_part
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.evaluators import answers, translate
from cozeloop.api.evaluators.checks import check_source, checked, content_of, missing
from cozeloop.api.evaluators.refusals import INVALID_PARAM, VERSION_MISSING
from cozeloop.api.modules import Module
from cozeloop.api.people import base_info_users
from cozeloop.api.routing import Api
from cozeloop.api.values import canonical
from cozeloop.api.wire import evaluation as wire
from events.evaluators import EvaluatorCreated
from projections.evaluators.evaluator_versions import (
    EVALUATOR_VERSIONS,
    get_evaluator_versions,
    list_evaluator_versions,
)
from projections.evaluators.evaluators import (
    EVALUATORS,
    EvaluatorFilter,
    evaluator_named,
    get_evaluators,
    list_evaluators,
)

api = Api(Module.EVALUATION)
PATH = "/api/evaluation/v1"
IDS_LIMIT = 200
PAGE_LIMIT = 200


@api.post(f"{PATH}/evaluators", wire.CreateEvaluatorRequest, wire.CreateEvaluatorResponse)
async def create(edge: Edge, req: wire.CreateEvaluatorRequest) -> dict[str, Any]:
    """A new evaluator with its first version, and the same content as the space's draft, written first."""
    given = req.evaluator
    if given is None:
        raise missing("evaluator")
    space = await edge.enter_space(given.workspace_id or req.workspace_id)
    version = given.current_version
    if version is None or version.evaluator_content is None:
        raise missing("evaluator.current_version.evaluator_content")
    evaluator_type = given.evaluator_type or 0
    content = await checked(edge, evaluator_type, version.evaluator_content)
    evaluator_id, version_id = edge.ids(2, idempotency=req.cid or "")
    name = given.name or ""
    command = rules.CreateEvaluator(
        space_id=space,
        evaluator_id=evaluator_id,
        version_id=version_id,
        evaluator_type=evaluator_type,
        name=name,
        description=given.description or "",
        name_reservation=await edge.platform.keys.digest(space, name),
        version=version.version or rules.FIRST_VERSION,
        version_description=version.description or "",
        content=content,
        digest=await edge.platform.keys.digest(space, canonical(content)),
        draft_revision=0,
    )

    async def with_draft(command: rules.CreateEvaluator, _: Any) -> rules.CreateEvaluator:
        draft = await edge.platform.drafts.save(space, answers.CAPABILITY, command.evaluator_id, {"content": content})
        return command.model_copy(update={"draft_revision": draft.revision})

    receipt = await edge.issue(command, EVALUATORS, EVALUATOR_VERSIONS, prepare=with_draft, idempotency=req.cid or "")
    created = receipt.one(EvaluatorCreated)
    return {"evaluator_id": created.evaluator_id if created else evaluator_id}


@api.post(f"{PATH}/evaluators/list", wire.ListEvaluatorsRequest, wire.ListEvaluatorsResponse)
async def list_(edge: Edge, req: wire.ListEvaluatorsRequest) -> dict[str, Any]:
    """A space's evaluators, all of them without a page; with versions, one row a version."""
    space = await edge.enter_space(req.workspace_id)
    if req.builtin:
        return {"evaluators": [], "total": "0"}
    option = req.filter_option
    if option and option.filters and (option.filters.filter_conditions or option.filters.sub_filters):
        raise ApiError(INVALID_PARAM, "invalid param,filter_option.filters: tags are not built yet")
    wanted = EvaluatorFilter(
        space_id=space,
        name=req.search_name or (option.search_keyword if option else "") or "",
        created_by=req.creator_ids or (),
        types=req.evaluator_type or (),
    )
    page, size = paged(req.page_number, req.page_size)
    order = ordered(req.order_bys, ("created_at", "updated_at", "name"))
    if req.with_version:
        return await answers.with_versions(edge, wanted, order, page, size)
    rows, total = await edge.ask(list_evaluators, wanted, order, page, size)
    return {"evaluators": await answers.shown(edge, rows), "total": str(total)}


@api.post(f"{PATH}/evaluators/check_name", wire.CheckEvaluatorNameRequest, wire.CheckEvaluatorNameResponse)
async def check_name(edge: Edge, req: wire.CheckEvaluatorNameRequest) -> dict[str, Any]:
    """Whether an evaluator (another than the one named) may be called so."""
    space = await edge.enter_space(req.workspace_id)
    name = req.name or ""
    if not name.strip():
        raise missing("name")
    if len(name) > rules.NAME_LIMIT:
        return {"pass": False, "message": f"name is longer than {rules.NAME_LIMIT} characters"}
    holder = await edge.ask(evaluator_named, space, name)
    if holder and holder != req.evaluator_id:
        return {"pass": False, "message": f"name {name!r} is taken"}
    return {"pass": True}


@api.post(f"{PATH}/evaluators/batch_get", wire.BatchGetEvaluatorsRequest, wire.BatchGetEvaluatorsResponse)
async def batch_get(edge: Edge, req: wire.BatchGetEvaluatorsRequest) -> dict[str, Any]:
    """Those of the evaluators that the space has, each with its draft."""
    space = await edge.enter_space(req.workspace_id)
    ids = bounded(req.evaluator_ids, "evaluator_ids")
    rows = await edge.ask(get_evaluators, ids, bool(req.include_deleted))
    return {"evaluators": await answers.shown(edge, [r for r in rows if r["space_id"] == space], content=True)}


@api.get(f"{PATH}/evaluators/:evaluator_id", wire.GetEvaluatorRequest, wire.GetEvaluatorResponse)
async def get(edge: Edge, req: wire.GetEvaluatorRequest) -> dict[str, Any]:
    """An evaluator with its draft in the place of the current version."""
    _, row = await existing(edge, req.evaluator_id, req.workspace_id, bool(req.include_deleted))
    return {"evaluator": await answers.one(edge, row)}


@api.patch(f"{PATH}/evaluators/:evaluator_id", wire.UpdateEvaluatorRequest, wire.UpdateEvaluatorResponse)
async def update(edge: Edge, req: wire.UpdateEvaluatorRequest) -> dict[str, Any]:
    """Name and description; what is not given stays."""
    space, row = await existing(edge, req.evaluator_id, req.workspace_id)
    command = rules.RenameEvaluator(
        space_id=space,
        evaluator_id=row["evaluator_id"],
        name=req.name,
        name_reservation="" if req.name is None else await edge.platform.keys.digest(space, req.name),
        description=req.description,
    )
    await edge.issue(command, EVALUATORS)
    return {}


@api.delete(f"{PATH}/evaluators/:evaluator_id", wire.DeleteEvaluatorRequest, wire.DeleteEvaluatorResponse)
async def delete(edge: Edge, req: wire.DeleteEvaluatorRequest) -> dict[str, Any]:
    """The evaluator goes, its name is free."""
    space, row = await existing(edge, req.evaluator_id, req.workspace_id)
    await edge.issue(rules.DeleteEvaluator(space_id=space, evaluator_id=row["evaluator_id"]), EVALUATORS)
    return {}


@api.patch(
    f"{PATH}/evaluators/:evaluator_id/update_draft",
    wire.UpdateEvaluatorDraftRequest,
    wire.UpdateEvaluatorDraftResponse,
)
async def update_draft(edge: Edge, req: wire.UpdateEvaluatorDraftRequest) -> dict[str, Any]:
    """The space's draft; what it holds already is not written again."""
    space, row = await existing(edge, req.evaluator_id, req.workspace_id)
    if req.evaluator_content is None:
        raise missing("evaluator_content")
    if req.evaluator_type is not None and req.evaluator_type != row["evaluator_type"]:
        raise rules.EvaluatorTypeChanged(f"evaluator_type is {row['evaluator_type']} and cannot change")
    content = content_of(req.evaluator_content)
    check_part(row["evaluator_type"], content)
    if row["evaluator_type"] == CODE_TYPE:
        check_code(content)
    draft = await edge.platform.drafts.save(space, answers.CAPABILITY, row["evaluator_id"], {"content": content})
    return {"evaluator": await answers.one(edge, row, draft)}


@api.post(
    f"{PATH}/evaluators/:evaluator_id/submit_version",
    wire.SubmitEvaluatorVersionRequest,
    wire.SubmitEvaluatorVersionResponse,
)
async def submit_version(edge: Edge, req: wire.SubmitEvaluatorVersionRequest) -> dict[str, Any]:
    """The space's draft becomes a version. Read and checked when the command's turn comes."""
    space, row = await existing(edge, req.evaluator_id, req.workspace_id)

    async def with_draft(command: rules.SubmitEvaluatorVersion, _: Any) -> rules.SubmitEvaluatorVersion:
        draft = await edge.platform.drafts.load(space, answers.CAPABILITY, command.evaluator_id)
        if draft is None:
            return command
        content = draft.content["content"]
        check_content(row["evaluator_type"], content)
        await check_source(edge, content)
        digest = await edge.platform.keys.digest(space, canonical(content))
        taken = {"content": content, "draft_revision": draft.revision, "digest": digest}
        return command.model_copy(update=taken)

    command = rules.SubmitEvaluatorVersion(
        space_id=space,
        evaluator_id=row["evaluator_id"],
        version_id=edge.ids(1, idempotency=req.cid or "")[0],
        version=req.version or "",
        description=req.description or "",
    )
    await edge.issue(command, EVALUATORS, EVALUATOR_VERSIONS, prepare=with_draft, idempotency=req.cid or "")
    _, row = await existing(edge, req.evaluator_id, req.workspace_id)
    return {"evaluator": await answers.one(edge, row)}


@api.post(
    f"{PATH}/evaluators/:evaluator_id/versions/list",
    wire.ListEvaluatorVersionsRequest,
    wire.ListEvaluatorVersionsResponse,
)
async def versions(edge: Edge, req: wire.ListEvaluatorVersionsRequest) -> dict[str, Any]:
    """A page of an evaluator's versions, newest first."""
    _, row = await existing(edge, req.evaluator_id, req.workspace_id)
    page, size = paged(req.page_number or 1, req.page_size or 10)
    [(_, ascending)] = ordered(req.order_bys, ("created_at", "updated_at"))
    rows, total = await edge.ask(
        list_evaluator_versions, [row["evaluator_id"]], req.query_versions or (), ascending, page, size
    )
    users = await base_info_users(edge, [r["created_by"] for r in rows])
    return {"evaluator_versions": [translate.version(r, users) for r in rows], "total": str(total)}


@api.get(
    f"{PATH}/evaluators_versions/:evaluator_version_id",
    wire.GetEvaluatorVersionRequest,
    wire.GetEvaluatorVersionResponse,
)
async def get_version(edge: Edge, req: wire.GetEvaluatorVersionRequest) -> dict[str, Any]:
    """A version with its evaluator around it."""
    version_id = req.evaluator_version_id or ""
    rows = await edge.ask(get_evaluator_versions, [version_id])
    if not rows:
        raise version_missing()
    space = await edge.enter("evaluators", rows[0]["evaluator_id"], req.workspace_id, missing=version_missing)
    found = await answers.versioned(edge, space, [version_id], bool(req.include_deleted))
    if not found:
        raise version_missing()
    return {"evaluator": found[0]}


@api.post(
    f"{PATH}/evaluators_versions/batch_get",
    wire.BatchGetEvaluatorVersionsRequest,
    wire.BatchGetEvaluatorVersionsResponse,
)
async def batch_get_versions(edge: Edge, req: wire.BatchGetEvaluatorVersionsRequest) -> dict[str, Any]:
    """Those of the versions that the space has, each with its evaluator around it."""
    space = await edge.enter_space(req.workspace_id)
    ids = bounded(req.evaluator_version_ids, "evaluator_version_ids")
    return {"evaluators": await answers.versioned(edge, space, ids, bool(req.include_deleted))}


async def existing(
    edge: Edge, evaluator_id: str | None, workspace_id: str | None, include_deleted: bool = False
) -> tuple[str, Any]:
    """The space and row of an evaluator in a space of the caller; refuses any other as missing."""

    def gone() -> Exception:
        return rules.EvaluatorMissing(f"evaluator {evaluator_id} does not exist")

    space = await edge.enter("evaluators", evaluator_id or "", workspace_id, missing=gone)
    rows = await edge.ask(get_evaluators, [evaluator_id], include_deleted)
    if not rows and await edge.repeats():
        rows = await edge.ask(get_evaluators, [evaluator_id], True)
    if not rows:
        raise gone()
    return space, rows[0]


def paged(page: int | None, size: int | None) -> tuple[int, int]:
    """Page and size; without either there is one page that holds everything (size 0)."""
    for name, value in (("page_number", page), ("page_size", size)):
        if value is not None and not 0 <= value < 2**31:
            raise ApiError(INVALID_PARAM, f"invalid param,{name} must not be negative")
    return (page, min(size, PAGE_LIMIT)) if page and size else (1, 0)


def ordered(order_bys: Sequence[wire.OrderBy] | None, columns: Sequence[str]) -> list[tuple[str, bool]]:
    """The order asked for, by default the newest change first."""
    order = [(by.field or "updated_at", bool(by.is_asc)) for by in order_bys or ()][:1]
    if order and order[0][0] not in columns:
        raise ApiError(INVALID_PARAM, f"invalid param,order_bys.field {order[0][0]!r} is not one of {list(columns)}")
    return order or [("updated_at", False)]


def bounded(ids: Sequence[str] | None, name: str) -> Sequence[str]:
    """Ids of one request."""
    if len(ids or ()) > IDS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,{name} has more than {IDS_LIMIT} ids")
    return ids or ()


def version_missing() -> ApiError:
    """The refusal of an unknown or foreign version."""
    return ApiError(VERSION_MISSING, "evaluator version not found")
