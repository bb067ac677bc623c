"""What the console shows of traces: the list of spans, and one trace whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.traces import asked
from cozeloop.api.traces.refusals import NOT_IN_SPACE, TOO_SLOW
from cozeloop.api.traces.translate import output_span
from cozeloop.api.wire import observability as wire
from projections.traces.queries import ClickHouse, Page, Row, Window, list_spans, read_trace, trace_tokens

api = Api(Module.OBSERVABILITY)
P = ParamSpec("P")
T = TypeVar("T")


@api.post("/api/observability/v1/spans/list", wire.ListSpansRequest, wire.ListSpansResponse)
async def spans_list(edge: Edge, req: wire.ListSpansRequest) -> dict[str, Any]:
    """A page of spans, newest first."""
    space = await edge.enter_space(req.workspace_id)
    window = _window(edge, space, req.start_time, req.end_time)
    limit, cursor = asked.size(req.page_size), asked.cursor(req.page_token)
    if len(req.order_bys or ()) > 1:
        raise asked.invalid("order_bys: at most one")
    conditions = (asked.kind(req.span_list_type), asked.platform(req.platform_type), asked.filtered(req.filters))
    where = " AND ".join(c for c in conditions if c)
    rows = await _ask(edge, list_spans, window, where, Page(limit + 1, cursor))
    return _page(rows, limit)


@api.get("/api/observability/v1/traces/:trace_id", wire.GetTraceRequest, wire.GetTraceResponse)
async def get_trace(edge: Edge, req: wire.GetTraceRequest) -> dict[str, Any]:
    """A trace's spans, oldest first, with its tokens; pages of it, newest first, when a page size is named."""
    space = await edge.enter_space(req.workspace_id)
    window = _window(edge, space, req.start_time, req.end_time)
    asked.platform(req.platform_type)
    paged = bool(req.page_size or req.page_token)
    limit = asked.size(req.page_size) if paged else asked.MOST
    page = Page(limit + paged, asked.cursor(req.page_token), ascending=not paged)
    rows = await _ask(edge, read_trace, window, req.trace_id, page, req.span_ids or ())
    if not rows and not req.page_token:
        raise ApiError(NOT_IN_SPACE, "the trace is not in this workspace,trace_id: nothing of it lies in this time")
    tokens = await _ask(edge, trace_tokens, window, req.trace_id)
    answer = _page(rows, limit, bool(req.need_original_tags))
    costs = {"input": str(tokens[0]), "output": str(tokens[1])}
    return {**answer, "traces_advance_info": {"trace_id": req.trace_id, "tokens": costs}}


def _window(edge: Edge, space: str, start: str | None, end: str | None) -> Window:
    return asked.window(space, start, end, edge.now(), edge.platform.settings.trace_query_days)


def _page(rows: Sequence[Row], limit: int, original_tags: bool = False) -> dict[str, Any]:
    kept = rows[:limit]
    return {
        "spans": [output_span(r, original_tags) for r in kept],
        "next_page_token": asked.page_token(kept[-1]) if kept else "",
        "has_more": len(rows) > limit,
    }


async def _ask(
    edge: Edge, query: Callable[Concatenate[ClickHouse, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    try:
        return await edge.platform.spans.ask(query, *args, **kwargs)
    except TimeoutError:
        raise ApiError(TOO_SLOW, "the query takes too long,ask for a shorter time or with a narrower filter") from None
