"""What the operator asks of a running platform: its events, a verification, read models built anew.

Answers are newline-delimited JSON, a line as soon as there is one; a line ``{code, msg}`` ends a failed one.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import AwareDatetime
from starlette.responses import Response, StreamingResponse

from cozeloop.api.edge import Edge
from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import UNAVAILABLE, UNREADABLE, Module
from cozeloop.api.refusals import answer_of, internal_error
from cozeloop.api.routing import Api
from cozeloop.api.scalars import I32, I64, Bool, Vt, WireModel
from cozeloop.platform import EventQuery, Line, Operations

log = logging.getLogger("cozeloop.api")

api = Api(Module.FOUNDATION)
MOST_EVENTS = 100_000
NDJSON = "application/x-ndjson"


class ListEventsRequest(WireModel):
    """Which events; all when empty. ``after`` is a position, ``since`` a time with its zone."""

    space: str | None = None
    capability: str | None = None
    stream: str | None = None
    type: str | None = None
    after: Annotated[I64 | None, Vt(ge=0)] = None
    since: AwareDatetime | None = None
    limit: Annotated[I32 | None, Vt(gt=0, le=MOST_EVENTS)] = None


class VerifyRequest(WireModel):
    """Nothing."""


class ReplayRequest(WireModel):
    """Names of read models; all when empty. ``parked``: only what they parked, after the fix."""

    read_models: list[str] | None = None
    parked: Bool | None = None


class DestroyKeyRequest(WireModel):
    """The space whose content is erased, for ever."""

    space_id: I64


class BackupRequest(WireModel):
    """Where to: a path on the platform's machine, absolute; a new or empty directory, or a new .zip file."""

    target: str | None = None
    with_installation_key: Bool | None = None


class ResetCodeRequest(WireModel):
    """Whose password is set anew."""

    email: str


class Lines(WireModel):
    """One line of the answer; its fields are those of the operation."""


@api.get("/v1/platform/admin/events", ListEventsRequest, Lines, operator=True)
async def list_events(edge: Edge, req: ListEventsRequest) -> Response:
    """The events wanted, oldest first."""
    query = EventQuery(
        space=req.space or "",
        capability=req.capability or "",
        stream=req.stream or "",
        type=req.type or "",
        after=int(req.after or 0),
        since=req.since,
        limit=req.limit or 100,
    )
    return await lines(edge, operations(edge).events(query))


@api.get("/v1/platform/admin/verify", VerifyRequest, Lines, operator=True)
async def verify(edge: Edge, req: VerifyRequest) -> Response:
    """Progress, then the verdict."""
    return await lines(edge, operations(edge).verify())


@api.post("/v1/platform/admin/replay", ReplayRequest, Lines, operator=True)
async def replay(edge: Edge, req: ReplayRequest) -> Response:
    """Progress of each read model that is built anew, or what came of each parked stream."""
    return await lines(edge, operations(edge).replay(req.read_models or [], bool(req.parked)))


@api.post("/v1/platform/admin/spaces/destroy-key", DestroyKeyRequest, Lines, operator=True)
async def destroy_key(edge: Edge, req: DestroyKeyRequest) -> Response:
    """Each step of the space's end."""
    return await lines(edge, operations(edge).erase(str(req.space_id)))


@api.get("/v1/platform/admin/doctor", VerifyRequest, Lines, operator=True)
async def doctor(edge: Edge, req: VerifyRequest) -> Response:
    """What each check finds."""
    return await lines(edge, operations(edge).doctor())


@api.post("/v1/platform/admin/users/reset-code", ResetCodeRequest, Lines, operator=True)
async def reset_code(edge: Edge, req: ResetCodeRequest) -> Response:
    """A one-time code with which the user sets another password."""
    return await lines(edge, operations(edge).reset_code(req.email))


@api.post("/v1/platform/admin/backup", BackupRequest, Lines, operator=True)
async def backup(edge: Edge, req: BackupRequest) -> Response:
    """Each part that was written."""
    return await lines(edge, operations(edge).backup(Path(req.target or ""), bool(req.with_installation_key)))


def operations(edge: Edge) -> Operations:
    """The operations of this process; refuses where it has none."""
    if edge.platform.operations is None:
        raise ApiError(Module.FOUNDATION.code(UNAVAILABLE), "not available here,this process runs no operations")
    return edge.platform.operations


async def lines(edge: Edge, source: AsyncIterator[Line]) -> Response:
    """The lines as they come. What fails before the first one is an answer of its own."""
    try:
        first = await anext(source, None)
    except ValueError as error:
        raise ApiError(UNREADABLE, f"bad request,{error}") from error
    log_id = edge.request.scope.get("log_id", "")
    return StreamingResponse(_encoded(first, source, log_id), media_type=NDJSON)


async def _encoded(first: Line | None, rest: AsyncIterator[Line], log_id: str) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield orjson.dumps(first) + b"\n"
        async for line in rest:
            yield orjson.dumps(line) + b"\n"
    except Exception as error:
        known = answer_of(error, Module.FOUNDATION)
        if known is None:
            log.exception("log_id=%s an operation failed", log_id)
            known = internal_error(log_id)
        yield orjson.dumps({"code": known.code, "msg": known.msg}) + b"\n"
