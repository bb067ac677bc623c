"""The application: routes of every capability behind one gate."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozeloop.api import system
from cozeloop.api.catalogue import declared
from cozeloop.api.envelope import refusal
from cozeloop.api.metrics import Metrics
from cozeloop.api.middleware import Gate
from cozeloop.api.modules import UNREADABLE
from cozeloop.api.prompts import serving
from cozeloop.api.refusals import codes
from cozeloop.api.routing import Declared, endpoint
from cozeloop.api.tenancy import Tenancy
from cozeloop.platform import Platform


def create_app(
    platform: Platform,
    declarations: Sequence[Declared] | None = None,
) -> FastAPI:
    """The HTTP edge of a platform.

    ``declarations`` are the routes in the order in which they are tried; those of every capability unless given.

    Documentation is a file made at build time (`python -m cozeloop.api.openapi`): making it takes seconds.
    """
    codes()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.platform = platform
    app.state.tenancy = Tenancy(platform)
    app.state.metrics = Metrics()
    platform.forgets.append(serving.forget)
    chosen = declared() if declarations is None else declarations
    routes = [Route(r.path, endpoint(r), methods=[r.method], name=f"{r.method} {r.path}") for r in chosen]
    app.router.routes[:] = [*routes, *system.routes()]
    app.add_exception_handler(HTTPException, unmatched)
    app.add_middleware(Gate, platform=platform, metrics=app.state.metrics)
    return app


async def unmatched(request: Request, error: Exception) -> Response:
    """No such path (404) or method (405), in the envelope."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = error.headers if isinstance(error, HTTPException) else None
    text = "no such route" if status == 404 else "the route has other methods"
    request.scope["answer_code"] = UNREADABLE
    return refusal(UNREADABLE, f"bad request,{text}: {request.method} {request.scope['path'][:200]}", status, headers)
