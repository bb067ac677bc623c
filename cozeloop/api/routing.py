"""From a path and two wire models to a route: read, authenticate, bind, handle, answer.

    api = Api(Module.PROMPT)

    @api.post("/api/prompt/v1/prompts/:prompt_id/drafts/save", wire.SaveDraftRequest, wire.SaveDraftResponse)
    async def save_draft(edge: Edge, req: wire.SaveDraftRequest) -> dict[str, Any]: ...

A handler answers with the contract's fields (``code`` and ``msg`` are added), with a Response of its own, or raises.
Routes under /api use the session cookie and always answer HTTP 200; routes under /v1 use the bearer token.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response

from cozeloop.api.auth import caller, is_operator, require_operator, require_same_origin
from cozeloop.api.binding import bind, parse, query_of, read_body, refuse_deep
from cozeloop.api.edge import Edge
from cozeloop.api.envelope import ApiError, refusal, reply, status_on
from cozeloop.api.modules import RATE_LIMITED, Module
from cozeloop.api.refusals import answer_of, internal_error
from cozeloop.api.scalars import WireModel
from cozeloop.platform import Platform

log = logging.getLogger("cozeloop.api")

Handler = Callable[[Edge, Any], Awaitable[Mapping[str, Any] | Response | None]]
H = TypeVar("H", bound=Handler)
_PARAMETER = re.compile(r":(\w+)")


@dataclass(frozen=True)
class Declared:
    """A route as it was declared; the documentation is made of these."""

    method: str
    path: str
    request: type[WireModel]
    response: type[WireModel]
    handler: Handler
    module: Module
    anonymous: bool = False
    operator: bool = False
    either: bool = False
    """Both a user's token and the operator's are taken."""
    raw: bool = False
    """The handler reads the body itself, as it streams in."""
    unbound: bool = False
    """The handler takes the body's JSON as it came, and checks it itself."""
    signed: bool = False
    """The address carries its own proof, which the handler checks: no caller is needed."""

    @property
    def order(self) -> tuple[bool, ...]:
        """Fixed words before parameters, segment by segment, so that ``/list`` is never taken for an id."""
        return tuple("{" in segment for segment in self.path.split("/"))


class Api:
    """The routes of one capability. ``routes`` holds the declarations, ``router`` what Starlette runs."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.router = APIRouter()
        self.routes: list[Declared] = []

    def get(self, path: str, request: type[WireModel], response: type[WireModel], **how: bool) -> Callable[[H], H]:
        """A reading route. ``anonymous``: no session is needed; ``operator``: his token is; ``either``: or a user's."""
        return self._declare("GET", path, request, response, how)

    def post(self, path: str, request: type[WireModel], response: type[WireModel], **how: bool) -> Callable[[H], H]:
        """A route that writes, or reads with a body."""
        return self._declare("POST", path, request, response, how)

    def put(self, path: str, request: type[WireModel], response: type[WireModel], **how: bool) -> Callable[[H], H]:
        """A route that replaces."""
        return self._declare("PUT", path, request, response, how)

    def patch(self, path: str, request: type[WireModel], response: type[WireModel], **how: bool) -> Callable[[H], H]:
        """A route that changes a part."""
        return self._declare("PATCH", path, request, response, how)

    def delete(self, path: str, request: type[WireModel], response: type[WireModel], **how: bool) -> Callable[[H], H]:
        """A route that removes; it may have a JSON body."""
        return self._declare("DELETE", path, request, response, how)

    def _declare(
        self, method: str, path: str, request: type[WireModel], response: type[WireModel], how: Mapping[str, bool]
    ) -> Callable[[H], H]:
        def declare(handler: H) -> H:
            braced = _PARAMETER.sub(r"{\1}", path)
            declared = Declared(method, braced, request, response, handler, self.module, **how)
            self.routes.append(declared)
            self.router.add_route(braced, endpoint(declared), [method], name=f"{method} {braced}")
            return handler

        return declare


def endpoint(route: Declared) -> Callable[[Request], Awaitable[Response]]:
    """The route as Starlette calls it. Every exception becomes an answer here, so that none passes the middleware."""

    async def serve(request: Request) -> Response:
        request.scope["route_template"] = f"{route.method} {route.path}"
        edge: Edge | None = None
        try:
            edge, bound = await admitted(route, request)
            await edge.seen()
            answer = await route.handler(edge, bound)
        except Exception as error:
            answer = failure(error, request, route.module)
        response = answer if isinstance(answer, Response) else reply(answer)
        if edge is not None:
            for name, value in edge.headers:
                response.headers.append(name, value)
        return response

    return serve


async def admitted(route: Declared, request: Request) -> tuple[Edge, Any]:
    """The edge and the bound request of a caller who may make it."""
    platform: Platform = request.app.state.platform
    require_same_origin(request)
    if route.signed:
        return Edge(platform, request.app.state.tenancy, request, route.module, ""), bound_of(route, request, b"")
    if route.anonymous and request.method != "GET":
        await slow_down(platform, request, route)
    operator = route.either and is_operator(platform, request)
    user_id = "" if route.anonymous or route.operator or operator else await caller(platform, request)
    if route.operator:
        require_operator(platform, request)
    raw = b"" if route.raw else await read_body(request, platform.settings.max_body_bytes)
    edge = Edge(platform, request.app.state.tenancy, request, route.module, user_id, raw)
    edge.operator = operator or route.operator
    return edge, bound_of(route, request, raw)


def bound_of(route: Declared, request: Request, raw: bytes) -> Any:
    """Path, query and body as the route's model."""
    body = parse(raw, request.headers.get("content-type", ""))
    if route.unbound:
        return body
    refuse_deep(body, raw)
    return bind(route.request, request.path_params, query_of(request, route.request), body)


async def slow_down(platform: Platform, request: Request, route: Declared) -> None:
    """Passwords are guessed and accounts made no faster than the settings say, per address."""
    address = request.client.host if request.client else ""
    a_minute = platform.settings.login_per_minute
    if not await platform.limits.allow(f"anonymous:{address}", a_minute / 60, max(1, int(a_minute))):
        raise ApiError(route.module.code(RATE_LIMITED), "too many requests,try again in a minute", status=429)


def failure(error: Exception, request: Request, module: Module) -> Response:
    """The answer to an error; one that nobody foresaw is logged whole and told by its log id alone."""
    known = answer_of(error, module)
    log_id = request.scope.get("log_id", "")
    if known is None:
        log.error("log_id=%s %s %s failed", log_id, request.method, request.scope["path"], exc_info=error)
        known = internal_error(log_id)
    elif isinstance(error, OperationalError | ConnectionError):
        log.error("log_id=%s a database is not available: %s", log_id, getattr(error, "orig", error))
    elif error.__cause__ is not None or not isinstance(error, ApiError):
        log.debug("log_id=%s refused: %s: %s", log_id, type(error).__name__, error)
    request.scope["answer_code"] = known.code
    return refusal(known.code, known.msg, status_on(request.scope["path"], known.status))
