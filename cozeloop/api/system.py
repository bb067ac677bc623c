"""What a process says of itself: alive, ready, its figures, its documentation. No session, no tenant."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from cozeloop.api.envelope import JSON, refusal, reply
from cozeloop.api.metrics import Metrics, end_of
from cozeloop.api.modules import UNAVAILABLE, Module
from cozeloop.platform import Platform

OPENAPI = Path(__file__).with_name("openapi.json")
ASYNCAPI = Path(__file__).with_name("asyncapi.json")
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


async def ping(request: Request) -> Response:
    """The process runs. Says nothing of its log."""
    return PlainTextResponse("pong")


async def health(request: Request) -> Response:
    """503 until log and read models are ready, then 200 with where they stand."""
    platform: Platform = request.app.state.platform
    if waiting := platform.ready():
        return refusal(Module.FOUNDATION.code(UNAVAILABLE), f"not ready yet,waiting for {waiting}", 503)
    if trouble := platform.trouble():
        return refusal(Module.FOUNDATION.code(UNAVAILABLE), f"not available now,{trouble}", 503)
    end = await end_of(platform)
    if end is None:
        return refusal(Module.FOUNDATION.code(UNAVAILABLE), "not available now,the event log does not answer", 503)
    places = {m.name: platform.positions.of(m.name) for m in platform.read_models}
    models = {
        n: {"position": f"{platform.log_name}:{p}", "lag": str(max(0, end - p))} for n, p in sorted(places.items())
    }
    return reply({"status": "ready", "log_position": f"{platform.log_name}:{end}", "read_models": models})


async def metrics(request: Request) -> Response:
    """Prometheus' text form."""
    counted: Metrics = request.app.state.metrics
    return Response(await counted.text(request.app.state.platform), media_type=PROMETHEUS)


async def openapi(request: Request) -> Response:
    """The file that was generated at build time."""
    return Response(document(), media_type=JSON)


async def asyncapi(request: Request) -> Response:
    """Every event, as AsyncAPI 3: the file that was generated at build time."""
    return Response(events_document(), media_type=JSON)


async def docs(request: Request) -> Response:
    """The same as a page; it loads nothing from elsewhere."""
    return HTMLResponse(page(), headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})


@cache
def document() -> bytes:
    """The bytes of openapi.json."""
    return OPENAPI.read_bytes()


@cache
def events_document() -> bytes:
    """The bytes of asyncapi.json."""
    return ASYNCAPI.read_bytes()


@cache
def page() -> str:
    """The endpoints, grouped by capability, each with its fields."""
    described = orjson.loads(document())
    groups: dict[str, list[str]] = {}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            groups.setdefault(operation["tags"][0], []).append(_entry(method, path, operation, described))
    body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(entries)}" for tag, entries in sorted(groups.items()))
    info = described["info"]
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{html.escape(info['title'])}</title><style>{STYLE}</style><body><h1>{html.escape(info['title'])}</h1>"
        f"<p>{html.escape(info['description'])} <a href='/openapi.json'>openapi.json</a> "
        f"<a href='/asyncapi.json'>asyncapi.json</a></p>{body}</body></html>"
    )


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h2{margin-top:2rem;text-transform:capitalize}details{border-top:1px solid #d8dee4;padding:.4rem 0}"
    "summary{cursor:pointer}b{display:inline-block;min-width:4.5rem}code{font:14px/1.5 ui-monospace,monospace}"
    "table{border-collapse:collapse;margin:.5rem 0 .5rem 1rem}td,th{text-align:left;padding:.1rem 1rem .1rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}a{color:#79c0ff}}"
)


def _entry(method: str, path: str, operation: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    asked = [(p["name"], p["in"], p["schema"]) for p in operation.get("parameters", ())]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        asked += [(n, "body", s) for n, s in _resolved(media["schema"], described).get("properties", {}).items()]
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code><td>{where}<td>{html.escape(_kind(schema))}"
        for name, where, schema in asked
    )
    table = f"<table><tr><th>field<th>in<th>type{rows}</table>" if rows else ""
    summary = html.escape(operation.get("summary", ""))
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code></summary>"
        f"<p>{summary}</p>{table}</details>"
    )


def _resolved(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = described["components"]["schemas"][name] if name else schema
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("description") or schema.get("format") or schema.get("type") or "any")


Serve = Callable[[Request], Awaitable[Response]]
OPEN: Mapping[str, Serve] = {
    "/ping": ping,
    "/v1/platform/health": health,
    "/metrics": metrics,
    "/openapi.json": openapi,
    "/asyncapi.json": asyncapi,
    "/docs": docs,
}


def routes() -> list[Route]:
    """The routes of this file."""
    return [Route(path, serve, methods=["GET"]) for path, serve in OPEN.items()]
