"""``GET /v1/platform/events``: what happens, from any position on, as server-sent events or by asking again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import orjson
from pydantic import AwareDatetime
from starlette.responses import Response

from cozeloop.api.edge import Edge, position_of
from cozeloop.api.envelope import JSON, ApiError
from cozeloop.api.modules import INVALID_PARAM, RATE_LIMITED, UNAVAILABLE, UNREADABLE, Module
from cozeloop.api.routing import Api
from cozeloop.api.scalars import I32, Double, Vt, WireModel
from cozeloop.api.subscriptions.permission import Permission
from cozeloop.api.subscriptions.stream import MEDIA, EventStream
from cozeloop.platform import EventQuery, EventReader, SubscriptionsEnded, TooManyReaders
from events.event import Stream

api = Api(Module.FOUNDATION)

OPERATOR = "operator"
LONGEST_WAIT = 60
MOST_AT_ONCE = 1000
LATEST = "the platform is stopping: go on later from the last position"


class SubscribeRequest(WireModel):
    """Which events: of one space (the operator may leave it out), narrowed by capability, stream and type.

    ``after`` is a position (``events:123`` or ``123``), ``since`` a time with its zone; without either only what is
    still to come. ``wait`` (seconds) and ``limit`` belong to a single question, not to a stream.
    """

    workspace_id: str | None = None
    capability: str | None = None
    stream: str | None = None
    type: str | None = None
    after: str | None = None
    since: AwareDatetime | None = None
    wait: Annotated[Double | None, Vt(ge=0, le=LONGEST_WAIT)] = None
    limit: Annotated[I32 | None, Vt(gt=0, le=MOST_AT_ONCE)] = None


class SubscribeResponse(WireModel):
    """The events, oldest first, and the position to ask after the next time."""

    events: list[dict[str, object]] | None = None
    position: str | None = None


@api.get("/v1/platform/events", SubscribeRequest, SubscribeResponse, either=True)
async def subscribe(edge: Edge, req: SubscribeRequest) -> Response:
    """What happens, as server-sent events when they are accepted, else what has happened since."""
    space = await space_of(edge, req)
    query = EventQuery(space, req.capability or "", req.stream or "", req.type or "", since=req.since)
    reader = await opened(edge, query, after(edge, req))
    permission = Permission(edge, space)
    if MEDIA in edge.request.headers.get("accept", ""):
        platform = edge.platform
        return EventStream(reader, permission, platform.settings.event_heartbeat_seconds, platform.log_name)
    try:
        return await answered(reader, req, permission, edge.platform.log_name)
    finally:
        reader.close()


async def space_of(edge: Edge, req: SubscribeRequest) -> str:
    """The space that is read, empty for all; a stream named lies in it."""
    if not edge.operator:
        await edge.enter_space(req.workspace_id)
    space = req.workspace_id or ""
    if req.stream and space:
        try:
            inside = Stream.parse(req.stream).space == space
        except ValueError as error:
            raise ApiError(UNREADABLE, f"bad request,stream: {error}") from error
        if not inside:
            raise ApiError(Module.FOUNDATION.code(INVALID_PARAM), "invalid param,stream: is not in this workspace")
    return space


def after(edge: Edge, req: SubscribeRequest) -> int | None:
    """The position to go on after; a reconnecting EventSource says it in ``Last-Event-ID``. None: from now on."""
    name = "Last-Event-ID"
    sent = edge.request.headers.get(name, "")
    if not sent:
        name, sent = "after", req.after or ""
    if not sent:
        return None
    try:
        return position_of(sent, edge.platform.log_name, name, any_log=edge.operator)
    except ValueError as error:
        raise ApiError(UNREADABLE, f"bad request,{error}") from error


async def opened(edge: Edge, query: EventQuery, position: int | None) -> EventReader:
    """A reader; refuses what names no stream, and more readers than there may be."""
    subscriptions = edge.platform.subscriptions
    if subscriptions is None:
        raise ApiError(Module.FOUNDATION.code(UNAVAILABLE), "not available now,this process follows no log")
    try:
        return await subscriptions.read(query, edge.user_id or OPERATOR, position)
    except ValueError as error:
        raise ApiError(UNREADABLE, f"bad request,{error}") from error
    except TooManyReaders as error:
        raise ApiError(Module.FOUNDATION.code(RATE_LIMITED), f"too many requests,{error}", status=429) from error
    except SubscriptionsEnded as error:
        raise ApiError(Module.FOUNDATION.code(UNAVAILABLE), f"not available now,{LATEST}", status=503) from error


async def answered(reader: EventReader, req: SubscribeRequest, permission: Permission, log: str) -> Response:
    """One question's answer: as soon as there is an event, or without one when the wait is over."""
    limit = int(req.limit or 100)
    loop = asyncio.get_running_loop()
    until = loop.time() + float(req.wait or 0)
    try:
        page = await reader.page(0, limit)
        while not page and (left := until - loop.time()) > 0:
            page = await reader.page(min(left, permission.every), limit)
            await permission.require()
    except SubscriptionsEnded as error:
        raise ApiError(Module.FOUNDATION.code(UNAVAILABLE), f"not available now,{LATEST}", status=503) from error
    head = orjson.dumps({"code": 0, "msg": "", "position": f"{log}:{reader.position}"})
    events = b",".join(line.data for line in page)
    return Response(head[:-1] + b',"events":[' + events + b"]}", media_type=JSON)
