"""Follows the running platform's stream of events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from cozeloop.cli.running import Failed, Line, RunFile
from cozeloop.outside import EventQuery

PATH = "/v1/platform/events"
SILENCE_SECONDS = 60.0
"""The platform says something every quarter of a minute, unless its settings say otherwise."""


async def follow(data_dir: Path, query: EventQuery, after: str) -> AsyncIterator[Line]:
    """The events wanted, behind a position or from now on, until the platform stops; raises Failed."""
    run = RunFile.read(data_dir)
    if run is None:
        raise Failed(f"no platform is running on {data_dir}; start one with: cozeloop up")
    params = {
        "workspace_id": query.space,
        "capability": query.capability,
        "stream": query.stream,
        "type": query.type,
        "after": after,
        "since": query.since.isoformat() if query.since else "",
    }
    headers = {"authorization": f"Bearer {run.token}", "accept": "text/event-stream"}
    wanted = {name: value for name, value in params.items() if value}
    timeout = httpx.Timeout(10, read=SILENCE_SECONDS)
    try:
        async with (
            httpx.AsyncClient(base_url=run.url, headers=headers, timeout=timeout) as client,
            client.stream("GET", PATH, params=wanted) as response,
        ):
            if "event-stream" not in response.headers.get("content-type", ""):
                told = json.loads(await response.aread() or b"{}")
                raise Failed(told.get("msg", "").partition(",")[2] or f"it answered {response.status_code}")
            async for kind, data in frames(response):
                if kind == "error":
                    raise Failed(str(data.get("msg", "")).partition(",")[2])
                if kind == "message":
                    yield data
    except httpx.HTTPError as error:
        raise Failed(f"the platform at {run.url} broke off: {error}") from error


async def frames(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Kind and data of each server-sent event."""
    kind, data = "message", ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not line:
            if data:
                yield kind, json.loads(data)
            kind, data = "message", ""
