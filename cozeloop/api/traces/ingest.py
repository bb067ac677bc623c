"""Where SDKs report spans (behaviour.md §7.1): 200 means that the log server has stored them."""

from __future__ import annotations

from typing import Any

from commands.traces.normalise import Rejected, normalise, workspace
from cozeloop.api.edge import SPANS, Edge
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.wire import observability as wire

api = Api(Module.OBSERVABILITY)
SHOWN = 3
"""Reasons that an answer names."""


@api.post("/v1/loop/traces/ingest", wire.IngestTracesRequest, wire.IngestTracesResponse, unbound=True)
async def ingest(edge: Edge, body: dict[str, Any]) -> dict[str, Any]:
    """Stores the spans of one workspace. A span that cannot be one is left out and named in ``msg``; ``code`` stays 0.

    A span that was stored before may be sent again: it is kept once.
    """
    space = workspace(body.get("spans"), edge.platform.settings.ingest_max_spans)
    await edge.enter_space(space)
    now = int(edge.now().timestamp() * 1_000_000)
    found = normalise(body["spans"], space, now)
    if position := await edge.platform.spans.put(space, found.lines):
        edge.set_header("X-Log-Position", f"{SPANS}:{position}")
    return {"code": 0, "msg": told(found.rejected)}


def told(rejected: list[Rejected]) -> str:
    """Which spans were left out and why, empty when none was."""
    if not rejected:
        return ""
    first = "; ".join(f"spans.{r.index}.{r.reason}" for r in rejected[:SHOWN])
    return f"{len(rejected)} spans were left out: {first}" + ("; …" if len(rejected) > SHOWN else "")
