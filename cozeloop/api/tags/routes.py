"""Tags over HTTP: bind, command, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.tags.messages import (
    DOMAINS,
    FIRST_VERSION,
    MOST_VALUES,
    ChangeTagStatus,
    CreateTag,
    MakeOptionTag,
    ReviseTag,
    TagFieldInvalid,
    TagMissing,
    TagStatusUnchanged,
)
from cozeloop.api.edge import Edge
from cozeloop.api.modules import Module
from cozeloop.api.paging import make_token, page_of
from cozeloop.api.people import base_info_users
from cozeloop.api.routing import Api
from cozeloop.api.tags import translate
from cozeloop.api.tags.changes import changes
from cozeloop.api.tags.refusals import INVALID_PARAM
from cozeloop.api.wire import data as wire
from events.tags import TagCreated, TagValue
from projections.tags.tag_versions import TAG_VERSIONS, list_tag_versions
from projections.tags.tags import ORDERS, TAGS, TagFilter, get_tag, get_tags, search_tags

api = Api(Module.DATA)
PATH = "/api/data/v1/tags"
MOST_IDS = 100


@api.get("/api/data/v1/tag_spec", wire.GetTagSpecRequest, wire.GetTagSpecResponse)
async def spec(edge: Edge, req: wire.GetTagSpecRequest) -> dict[str, Any]:
    """How many values a tag may have, and how deep they may be nested."""
    await edge.enter_space(req.workspace_id)
    return {"max_height": "1", "max_width": str(MOST_VALUES)}


@api.post(PATH, wire.CreateTagRequest, wire.CreateTagResponse)
async def create(edge: Edge, req: wire.CreateTagRequest) -> dict[str, Any]:
    """A new tag, or an option."""
    space = await edge.enter_space(req.workspace_id)
    tag_key_id, fallback_id, *new_ids = edge.ids(2 + len(req.tag_values or ()))
    tag_type = req.tag_type or "tag"
    command = CreateTag(
        space_id=space,
        tag_key_id=tag_key_id,
        name=req.tag_key_name or "",
        name_reservation=await name_digest(edge, space, req.tag_key_name, tag_type),
        fallback_id=fallback_id,
        description=req.description or "",
        tag_type=tag_type,
        content_type=req.tag_content_type or "categorical",
        values=flat(req.tag_values, new_ids),
        number=translate.number_of(req.tag_content_spec),
        domains=tuple(req.tag_domain_types or DOMAINS),
        version=req.version or FIRST_VERSION,
    )
    receipt = await edge.issue(command, TAGS, TAG_VERSIONS)
    created = receipt.one(TagCreated)
    return {"tag_key_id": created.tag_key_id if created else tag_key_id}


@api.post(f"{PATH}/search", wire.SearchTagsRequest, wire.SearchTagsResponse)
async def search(edge: Edge, req: wire.SearchTagsRequest) -> dict[str, Any]:
    """A page of the space's tags that are not deprecated."""
    space = await edge.enter_space(req.workspace_id)
    if req.tag_key_name and req.tag_key_name_like:
        raise TagFieldInvalid("tag_key_name and tag_key_name_like cannot both be given")
    order_by = (req.order_by.field if req.order_by else None) or "updated_at"
    if order_by not in ORDERS:
        raise TagFieldInvalid(f"order_by {order_by[:64]!r} is not one of {', '.join(ORDERS)}")
    ascending = bool(req.order_by and req.order_by.is_asc)
    wanted = TagFilter(
        space_id=space,
        name=req.tag_key_name or "",
        name_like=req.tag_key_name_like or "",
        content_types=req.content_types or (),
        domains=req.domain_types or (),
        created_by=req.created_bys or (),
    )
    page = page_of(INVALID_PARAM, req.page_number, req.page_size, req.page_token, int, str)
    rows, total = await edge.ask(search_tags, wanted, order_by, ascending, page.size + 1, page.offset, page.after)
    shown = rows[: page.size]
    people = await base_info_users(edge, (row[c] for row in shown for c in ("created_by", "updated_by")))
    answer: dict[str, Any] = {"tagInfos": [translate.tag(row, people) for row in shown], "total": str(total)}
    if len(rows) > page.size:
        answer["next_page_token"] = make_token(shown[-1][order_by], shown[-1]["tag_key_id"])
    return answer


@api.post(f"{PATH}/batch_get", wire.BatchGetTagsRequest, wire.BatchGetTagsResponse)
async def batch_get(edge: Edge, req: wire.BatchGetTagsRequest) -> dict[str, Any]:
    """Tags by their ids, in the order asked; ids that are not the space's are left out."""
    space = await edge.enter_space(req.workspace_id)
    wanted = few(req.tag_key_ids)
    rows = {row["tag_key_id"]: row for row in await edge.ask(get_tags, space, wanted)}
    people = await base_info_users(edge, (row[c] for row in rows.values() for c in ("created_by", "updated_by")))
    return {"tag_info_list": [translate.tag(rows[i], people) for i in wanted if i in rows]}


@api.post(f"{PATH}/batch_update_status", wire.BatchUpdateTagStatusRequest, wire.BatchUpdateTagStatusResponse)
async def batch_update_status(edge: Edge, req: wire.BatchUpdateTagStatusRequest) -> dict[str, Any]:
    """Offers, hides or deprecates tags; what was refused is told by id."""
    space = await edge.enter_space(req.workspace_id)
    refused: dict[str, str] = {}
    for tag_key_id in few(req.tag_key_ids):
        command = ChangeTagStatus(space_id=space, tag_key_id=tag_key_id, status=req.to_status or "")
        try:
            await edge.enter("tags", tag_key_id, space, missing=missing(tag_key_id))
            await edge.issue(command, TAGS, TAG_VERSIONS)
        except (TagMissing, TagStatusUnchanged) as refusal:
            refused[tag_key_id] = refusal.detail
    return {"err_info": refused}


@api.patch(f"{PATH}/:tag_key_id", wire.UpdateTagRequest, wire.UpdateTagResponse)
async def update(edge: Edge, req: wire.UpdateTagRequest) -> dict[str, Any]:
    """Another version of a tag; what is not given stays."""
    space, row = await existing(edge, req.tag_key_id, req.workspace_id)
    new_ids = edge.ids(len(req.tag_values or ()))
    command = ReviseTag(
        space_id=space,
        tag_key_id=row["tag_key_id"],
        name=req.tag_key_name or "",
        name_reservation=await name_digest(edge, space, req.tag_key_name, row["tag_type"]),
        new_ids=tuple(new_ids),
        description=req.description,
        content_type=req.tag_content_type,
        values=None if req.tag_values is None else flat(req.tag_values, new_ids),
        number=translate.number_of(req.tag_content_spec),
        domains=None if req.tag_domain_types is None else tuple(req.tag_domain_types),
        version=req.version,
    )
    await edge.issue(command, TAGS, TAG_VERSIONS)
    return {}


@api.post(f"{PATH}/:tag_key_id/archive_option_tag", wire.ArchiveOptionTagRequest, wire.ArchiveOptionTagResponse)
async def archive_option_tag(edge: Edge, req: wire.ArchiveOptionTagRequest) -> dict[str, Any]:
    """An option becomes a tag of this name."""
    space, row = await existing(edge, req.tag_key_id, req.workspace_id)
    command = MakeOptionTag(
        space_id=space,
        tag_key_id=row["tag_key_id"],
        name=req.name or "",
        name_reservation=await name_digest(edge, space, req.name, "tag"),
        description=req.description or "",
    )
    await edge.issue(command, TAGS, TAG_VERSIONS)
    return {}


@api.post(f"{PATH}/:tag_key_id/detail", wire.GetTagDetailRequest, wire.GetTagDetailResponse)
async def detail(edge: Edge, req: wire.GetTagDetailRequest) -> dict[str, Any]:
    """A tag's versions, newest first, each with what it changed; all but the newest are deprecated."""
    _, row = await existing(edge, req.tag_key_id, req.workspace_id)
    page = page_of(INVALID_PARAM, req.page_number, req.page_size, req.page_token, int, str)
    before = page.after[0] if page.after else None
    rows, total = await edge.ask(list_tag_versions, row["tag_key_id"], page.size, page.offset, before)
    people = await base_info_users(edge, (version["created_by"] for version in rows))
    tags = []
    for version, previous in zip(rows[: page.size], [*rows[1:], None], strict=False):
        newest = version["version_num"] == row["version_num"]
        facts = {**dict(row), **dict(version), "tag_type": row["tag_type"]}
        facts.pop("updated_at"), facts.pop("updated_by")
        shown = translate.tag(facts, people)
        known = None if previous is None else {**dict(previous), "tag_type": row["tag_type"]}
        shown["status"] = row["status"] if newest else "deprecated"
        shown["change_logs"] = changes(facts, known)
        tags.append(shown)
    answer: dict[str, Any] = {"tags": tags, "total": str(total)}
    if len(rows) > page.size:
        answer["next_page_token"] = make_token(rows[page.size - 1]["version_num"], row["tag_key_id"])
    return answer


def flat(given: Sequence[wire.TagValue] | None, new_ids: Sequence[str]) -> tuple[TagValue, ...]:
    """The values of a request; refuses nested ones."""
    values = given or ()
    if any(v.children for v in values):
        raise TagFieldInvalid("tag_values.children: values are not nested")
    return tuple(translate.value_of(v, i) for v, i in zip(values, new_ids, strict=True))


def few(ids: Sequence[str] | None) -> list[str]:
    """The ids of a batch, each once; refuses none, and too many."""
    found = list(dict.fromkeys(ids or ()))
    if not 0 < len(found) <= MOST_IDS:
        raise TagFieldInvalid(f"tag_key_ids holds 1 to {MOST_IDS} ids")
    return found


async def name_digest(edge: Edge, space: str, name: str | None, tag_type: str) -> str:
    """What a tag's name is reserved by; an option reserves none."""
    return await edge.platform.keys.digest(space, name or "") if tag_type == "tag" else ""


async def existing(edge: Edge, tag_key_id: str, workspace_id: str | None) -> tuple[str, Any]:
    """The space and row of a tag in a space of the caller."""
    space = await edge.enter("tags", tag_key_id, workspace_id, missing=missing(tag_key_id))
    row = await edge.ask(get_tag, tag_key_id)
    if row is None:
        raise missing(tag_key_id)()
    return space, row


def missing(tag_key_id: str) -> Any:
    """Makes the refusal of a tag that nobody here has."""
    return lambda: TagMissing(f"tag {tag_key_id} does not exist")
