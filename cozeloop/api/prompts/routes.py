"""Prompts over HTTP: bind, command, answer (behaviour.md §3; the fast path of SDKs is `mget`)."""

from __future__ import annotations

import asyncio
from typing import Any

from commands.prompts.detail import check_detail
from commands.prompts.messages import (
    DEFAULT_SECURITY_LEVEL,
    CommitPrompt,
    CreatePrompt,
    DeletePrompt,
    PromptFieldInvalid,
    PromptMissing,
    RenamePrompt,
)
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.people import user_details
from cozeloop.api.prompts import drafts, translate
from cozeloop.api.prompts.mget import api
from cozeloop.api.prompts.refusals import INVALID_PARAM, NOT_FOUND, VERSION_MISSING
from cozeloop.api.values import canonical
from cozeloop.api.wire import prompt as wire
from events.prompts import PromptCreated
from projections.prompts.prompt_commits import (
    PROMPT_COMMITS,
    get_prompt_version,
    list_commits,
    settled_drafts,
)
from projections.prompts.prompts import PROMPTS, PromptFilter, get_prompt, get_prompts, list_prompts

DETAIL_LIMIT = 512 * 1024
"""Bytes of a detail's JSON: a draft is one message of the log server."""
PAGE_LIMIT = 100
COMMIT_PAGE_LIMIT = 200
PATH = "/api/prompt/v1/prompts"


@api.post(PATH, wire.CreatePromptRequest, wire.CreatePromptResponse)
async def create_prompt(edge: Edge, req: wire.CreatePromptRequest) -> dict[str, Any]:
    """A new prompt; a draft that comes with it is written first, so that the prompt never shows without it."""
    space = await edge.enter_space(req.workspace_id)
    [prompt_id] = edge.ids(1)
    key = req.prompt_key or ""
    command = CreatePrompt(
        space_id=space,
        prompt_id=prompt_id,
        prompt_key=key,
        name=req.prompt_name or "",
        description=req.prompt_description or "",
        prompt_type=req.prompt_type or "normal",
        security_level=req.security_level or DEFAULT_SECURITY_LEVEL,
        key_reservation=await edge.platform.keys.digest(space, key),
    )
    detail = None if req.draft_detail is None else detail_of(req.draft_detail, "draft_detail")

    async def with_draft(command: CreatePrompt, _: Any) -> CreatePrompt:
        whose = drafts.Whose(space, command.prompt_id, edge.user_id)
        await drafts.write(edge.platform.drafts, whose, detail or {}, "", None, now_ms(edge))
        return command

    receipt = await edge.issue(command, PROMPTS, prepare=None if detail is None else with_draft)
    created = receipt.one(PromptCreated)
    return {"prompt_id": created.prompt_id if created else prompt_id}


@api.post(f"{PATH}/list", wire.ListPromptRequest, wire.ListPromptResponse)
async def list_(edge: Edge, req: wire.ListPromptRequest) -> dict[str, Any]:
    """A page of a space's prompts, each with what the caller has drafted of it."""
    space = await edge.enter_space(req.workspace_id)
    page, size = positive(req.page_num, "page_num"), positive(req.page_size, "page_size")
    if size > PAGE_LIMIT:
        raise PromptFieldInvalid(f"page_size {size} is larger than {PAGE_LIMIT}")
    if (order_by := req.order_by or "created_at") not in ("created_at", "committed_at"):
        raise PromptFieldInvalid(f"order_by {order_by!r} is not created_at or committed_at")
    wanted = PromptFilter(
        space_id=space,
        key_word=req.key_word or "",
        created_by=req.created_bys or (),
        types=req.filter_prompt_types or ("normal",),
        committed_only=bool(req.committed_only),
    )
    rows, total = await edge.ask(list_prompts, wanted, order_by, bool(req.asc), page, size)
    settled = await edge.ask(settled_drafts, edge.user_id, [row["prompt_id"] for row in rows])
    found = await asyncio.gather(*(caller_draft(edge, space, row["prompt_id"], settled) for row in rows))
    prompts = [translate.prompt(row) for row in rows]
    for prompt, draft in zip(prompts, found, strict=True):
        if draft is not None:
            prompt["prompt_draft"] = {"draft_info": drafts.info(draft, edge.user_id)}
    users = await user_details(edge, translate.creators(rows, "created_by", "updated_by"))
    return {"prompts": prompts, "users": users, "total": total}


@api.get(f"{PATH}/:prompt_id", wire.GetPromptRequest, wire.GetPromptResponse)
async def get(edge: Edge, req: wire.GetPromptRequest) -> dict[str, Any]:
    """A prompt, with a version's content and the caller's draft when asked; an empty version means the latest."""
    space, row = await existing(edge, req.prompt_id, req.workspace_id)
    prompt = translate.prompt(row)
    version = req.commit_version or row["latest_version"]
    if req.with_commit and version:
        commit = await edge.ask(get_prompt_version, row["prompt_id"], version)
        if commit is None:
            raise ApiError(VERSION_MISSING, f"prompt version not exist,commit_version {version!r}")
        prompt["prompt_commit"] = translate.commit(commit)
    if req.with_draft:
        settled = await edge.ask(settled_drafts, edge.user_id, [row["prompt_id"]])
        if draft := await caller_draft(edge, space, row["prompt_id"], settled):
            prompt["prompt_draft"] = drafts.shown(draft, edge.user_id)
    return {"prompt": prompt}


@api.put(f"{PATH}/:prompt_id", wire.UpdatePromptRequest, wire.UpdatePromptResponse)
async def update(edge: Edge, req: wire.UpdatePromptRequest) -> dict[str, Any]:
    """Name and description; the security level is stated anew each time."""
    space, row = await existing(edge, req.prompt_id)
    command = RenamePrompt(
        space_id=space,
        prompt_id=row["prompt_id"],
        name=req.prompt_name or "",
        description=req.prompt_description,
        security_level=req.security_level or DEFAULT_SECURITY_LEVEL,
    )
    await edge.issue(command, PROMPTS)
    return {}


@api.delete(f"{PATH}/:prompt_id", wire.DeletePromptRequest, wire.DeletePromptResponse)
async def delete(edge: Edge, req: wire.DeletePromptRequest) -> dict[str, Any]:
    """The prompt goes, its key is free."""
    space, row = await existing(edge, req.prompt_id)
    await edge.issue(DeletePrompt(space_id=space, prompt_id=row["prompt_id"]), PROMPTS)
    return {}


@api.post(f"{PATH}/:prompt_id/drafts/save", wire.SaveDraftRequest, wire.SaveDraftResponse)
async def save_draft(edge: Edge, req: wire.SaveDraftRequest) -> dict[str, Any]:
    """The caller's draft; what it holds already is not written again, and the answer then says nothing of it."""
    space, row = await existing(edge, req.prompt_id)
    given = req.prompt_draft
    if given is None or given.detail is None or given.draft_info is None:
        raise PromptFieldInvalid("prompt_draft.detail and prompt_draft.draft_info are required")
    detail = detail_of(given.detail, "prompt_draft.detail")
    base_version = given.draft_info.base_version or ""
    base = await base_detail(edge, row["prompt_id"], base_version)
    settled = await edge.ask(settled_drafts, edge.user_id, [row["prompt_id"]])
    whose = drafts.Whose(space, row["prompt_id"], edge.user_id, settled.get(row["prompt_id"], 0))
    saved = await drafts.write(edge.platform.drafts, whose, detail, base_version, base, now_ms(edge))
    return {"draft_info": drafts.info(saved, edge.user_id)} if saved else {}


@api.post(f"{PATH}/:prompt_id/drafts/commit", wire.CommitDraftRequest, wire.CommitDraftResponse)
async def commit_draft(edge: Edge, req: wire.CommitDraftRequest) -> dict[str, Any]:
    """The caller's draft becomes a version. Read when the command's turn comes: what was typed last is committed."""
    space, row = await existing(edge, req.prompt_id)
    if req.label_keys:
        raise ApiError(NOT_FOUND, f"resource not found,label_keys {req.label_keys[0]!r} does not exist")

    async def with_draft(command: CommitPrompt, _: Any) -> CommitPrompt:
        draft = await edge.platform.drafts.load(space, drafts.CAPABILITY, command.prompt_id, edge.user_id)
        if draft is None:
            return command
        detail = draft.content["detail"]
        taken = {
            "detail": detail,
            "base_version": draft.content["base_version"],
            "draft_revision": draft.revision,
            "digest": await edge.platform.keys.digest(space, canonical(detail)),
        }
        return command.model_copy(update=taken)

    command = CommitPrompt(
        space_id=space,
        prompt_id=row["prompt_id"],
        version=req.commit_version or "",
        description=req.commit_description or "",
    )
    await edge.issue(command, PROMPTS, PROMPT_COMMITS, prepare=with_draft)
    return {}


@api.post(f"{PATH}/:prompt_id/commits/list", wire.ListCommitRequest, wire.ListCommitResponse)
async def commits(edge: Edge, req: wire.ListCommitRequest) -> dict[str, Any]:
    """A page of versions in the order of their commits; the token is the log position of the next page's first."""
    _, row = await existing(edge, req.prompt_id)
    size = min(positive(req.page_size, "page_size"), COMMIT_PAGE_LIMIT)
    token = req.page_token or "0"
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise PromptFieldInvalid(f"page_token {token!r} is not one that was handed out")
    rows, start = await edge.ask(
        list_commits, row["prompt_id"], size, int(token), bool(req.asc), bool(req.with_commit_detail)
    )
    answer: dict[str, Any] = {
        "prompt_commit_infos": [translate.commit_info(r) for r in rows],
        "commit_version_label_mapping": {},
        "users": await user_details(edge, translate.creators(rows, "committed_by")),
    }
    if req.with_commit_detail:
        answer["prompt_commit_detail_mapping"] = {r["version"]: translate.commit(r)["detail"] for r in rows}
    if start:
        answer |= {"has_more": True, "next_page_token": str(start)}
    return answer


async def existing(edge: Edge, prompt_id: str | None, workspace_id: str | None = None) -> tuple[str, Any]:
    """The space and row of a prompt in a space of the caller; refuses any other as not found."""

    def gone() -> Exception:
        return PromptMissing(f"prompt {prompt_id} does not exist")

    space = await edge.enter("prompts", prompt_id or "", workspace_id, missing=gone)
    row = await edge.ask(get_prompt, prompt_id)
    if row is None and await edge.repeats():
        row = next(iter(await edge.ask(get_prompts, [prompt_id or ""])), None)
    if row is None:
        raise gone()
    return space, row


async def caller_draft(edge: Edge, space: str, prompt_id: str, settled: dict[str, int]) -> Any:
    """The caller's live draft of a prompt."""
    whose = drafts.Whose(space, prompt_id, edge.user_id, settled.get(prompt_id, 0))
    return await drafts.live(edge.platform.drafts, whose)


async def base_detail(edge: Edge, prompt_id: str, version: str) -> dict[str, Any] | None:
    """The content of the version that a draft is edited from; None without one, refused when unknown."""
    if not version:
        return None
    base = await edge.ask(get_prompt_version, prompt_id, version)
    if base is None:
        raise ApiError(NOT_FOUND, f"resource not found,draft_info.base_version {version!r} does not exist")
    return dict(translate.commit(base)["detail"])


def detail_of(given: wire.PromptDetail, at: str) -> dict[str, Any]:
    """A detail as it is kept; refuses values that a reader of the contract could not take."""
    detail = translate.normalised(given.model_dump(mode="json", by_alias=True, exclude_none=True))
    check_detail(detail, at)
    if len(canonical(detail).encode()) > DETAIL_LIMIT:
        raise PromptFieldInvalid(f"{at} is longer than {DETAIL_LIMIT} bytes")
    return detail


def positive(number: int | None, name: str) -> int:
    """A page's number or size."""
    if number is None or not 0 < number < 2**31:
        raise ApiError(INVALID_PARAM, f"invalid param,{name} must be a positive number")
    return number


def now_ms(edge: Edge) -> int:
    """The edge's time in milliseconds."""
    return int(edge.now().timestamp() * 1000)
