"""What SDKs ask again and again: prompts by key and version (sdk-facts.md §3). The hottest route there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import orjson
from starlette.responses import Response

from commands.prompts.messages import PromptFieldInvalid
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.envelope import JSON
from cozeloop.api.modules import Module
from cozeloop.api.prompts import drafts, translate
from cozeloop.api.prompts.refusals import LABEL_UNBOUND, MGET_LIMITED, NOT_FOUND, UNCOMMITTED, VERSION_MISSING
from cozeloop.api.prompts.serving import Versions, body_of, versions_of
from cozeloop.api.routing import Api
from cozeloop.api.wire import prompt as wire
from projections.prompts.prompt_commits import get_prompt_version, settled_drafts
from projections.prompts.prompts import PROMPTS, Pointer, find_keys

api = Api(Module.PROMPT)
MOST_QUERIES = 100
DRAFT = "$Draft"
"""The version that means the caller's draft."""


@dataclass(frozen=True)
class Unresolved:
    """Why a query has no answer."""

    code: int
    text: str


@api.post("/v1/loop/prompts/mget", wire.BatchGetPromptByPromptKeyRequest, wire.BatchGetPromptByPromptKeyResponse)
async def mget(edge: Edge, req: wire.BatchGetPromptByPromptKeyRequest) -> Response:
    """The prompts that the queries name, in their order, each query echoed as it was sent.

    Queries that lead nowhere are left out; when none leads anywhere, the first one's error is the answer.
    """
    space = await edge.enter_space(req.workspace_id)
    await edge.limit(f"mget:{space}", edge.platform.settings.mget_per_second, MGET_LIMITED)
    queries = req.queries or []
    if len(queries) > MOST_QUERIES:
        raise PromptFieldInvalid(f"queries: {len(queries)} are more than {MOST_QUERIES}")
    versions = versions_of(edge.platform.database)
    position = edge.platform.positions.changed(PROMPTS.name)
    keys = [q.prompt_key or "" for q in queries]
    pointers = await versions.pointers(position, space, keys, partial(edge.ask, find_keys))
    items: list[bytes] = []
    failed: Unresolved | None = None
    for query in queries:
        found = await resolve(edge, versions, space, query, pointers[query.prompt_key or ""])
        if isinstance(found, Unresolved):
            failed = failed or found
        else:
            echo = orjson.dumps(query.model_dump(exclude_unset=True, exclude_none=True))
            items.append(b'{"query":' + echo + b',"prompt":' + found + b"}")
    if failed and not items:
        raise ApiError(failed.code, failed.text)
    return Response(b'{"code":0,"msg":"","data":{"items":[' + b",".join(items) + b"]}}", media_type=JSON)


async def resolve(
    edge: Edge, versions: Versions, space: str, query: wire.OpenApiPromptQuery, pointer: Pointer | None
) -> bytes | Unresolved:
    """The JSON of the version that a query means: the one it names, else the latest. A version beats a label."""
    key = query.prompt_key or ""
    if pointer is None:
        return Unresolved(NOT_FOUND, f"resource not found,prompt_key {key!r} does not exist")
    if query.version == DRAFT:
        return await drafted(edge, space, key, pointer)
    if query.label and not query.version:
        return Unresolved(LABEL_UNBOUND, f"label not bound,prompt_key {key!r}, label {query.label!r}")
    version = query.version or pointer.latest_version
    if not version:
        return Unresolved(UNCOMMITTED, f"prompt uncommitted,prompt_key {key!r}")
    if body := versions.body(pointer.prompt_id, version):
        return body
    row = await edge.ask(get_prompt_version, pointer.prompt_id, version)
    if row is None:
        return Unresolved(VERSION_MISSING, f"prompt version not exist,prompt_key {key!r}, version {version!r}")
    body = body_of(space, key, version, row["detail"])
    versions.remember(pointer.prompt_id, version, body)
    return body


async def drafted(edge: Edge, space: str, key: str, pointer: Pointer) -> bytes | Unresolved:
    """The JSON of the caller's draft; it changes and is never remembered."""
    settled = await edge.ask(settled_drafts, edge.user_id, [pointer.prompt_id])
    whose = drafts.Whose(space, pointer.prompt_id, edge.user_id, settled.get(pointer.prompt_id, 0))
    draft = await drafts.live(edge.platform.drafts, whose)
    if draft is None:
        return Unresolved(NOT_FOUND, f"resource not found,prompt_key {key!r} has no draft of yours")
    return orjson.dumps(translate.openapi_prompt(space, key, DRAFT, draft.content["detail"]))
