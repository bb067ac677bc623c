"""What surrounds every request: its id, the wait for readiness, one line in the access log, the last net for errors."""

from __future__ import annotations

import logging
import random
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cozeloop.api.envelope import refusal
from cozeloop.api.metrics import Metrics
from cozeloop.api.modules import UNAVAILABLE, module_of
from cozeloop.api.refusals import internal_error
from cozeloop.platform import Platform

log = logging.getLogger("cozeloop.api")
access = logging.getLogger("cozeloop.access")

ALWAYS_OPEN = frozenset({"/ping", "/v1/platform/health"})


class Gate:
    """Pure ASGI: a class of Starlette's own for this costs a hundred microseconds a request."""

    def __init__(self, app: ASGIApp, platform: Platform, metrics: Metrics) -> None:
        self._app = app
        self._platform = platform
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        log_id = scope["log_id"] = random.randbytes(16).hex()
        if scope["path"].startswith("//"):
            scope["path"] = "/" + scope["path"].lstrip("/")  # the JavaScript SDK joins a base that ends in one
        status = 0

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = ((b"x-log-id", log_id.encode()), (b"x-tt-logid", log_id.encode()))
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        try:
            await self._serve(scope, receive, with_id)
        except Exception as error:
            log.error("log_id=%s %s %s failed", log_id, scope["method"], scope["path"], exc_info=error)
            if status:
                raise
            known = internal_error(log_id)
            await refusal(known.code, known.msg)(scope, receive, with_id)
        finally:
            seconds = perf_counter() - begun
            route = scope.get("route_template", "unmatched")
            self._metrics.served(route, status, seconds)
            for command in scope.get("commands", ()):
                self._metrics.handled(command)
            access.info(
                "%s %s status=%d code=%s ms=%.1f log_id=%s",
                *(scope["method"], address_of(scope), status, scope.get("answer_code", 0), seconds * 1000, log_id),
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        platform = self._platform
        waits = scope["path"] not in ALWAYS_OPEN and platform.ready()
        if waits and not await platform.wait_ready(platform.settings.ready_wait_seconds):
            code = scope["answer_code"] = module_of(scope["path"]).code(UNAVAILABLE)
            await refusal(code, f"not ready yet,waiting for {platform.ready()}")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def address_of(scope: Scope) -> str:
    """The path as it was sent, percent-encoded: a line of the log stays one line. The query is left out."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("unicode_escape")
    return raw.partition(b"?")[0].decode("latin-1")
