"""Traces: the stream SPANS, ClickHouse in this process or as a server, and the projector between them."""

from __future__ import annotations

from cozeloop.bootstrap.core import Core
from cozeloop.projecting.spans import SpanProjector
from cozeloop.tracing import Traces
from infra.clickhouse import open_clickhouse
from infra.messaging.feed import Feed
from infra.messaging.spans import STREAM, JetStreamSpans


def open_traces(core: Core) -> Traces:
    """Nothing is imported or opened yet: ClickHouse is when the projector runs."""
    settings = core.process.settings

    def feed() -> Feed:
        """A reader of its own for each that reads: the table, and one that is built anew."""
        return Feed(core.connected, STREAM, gapless=False)

    stream = JetStreamSpans(core.nc, core.vault.keys, feed, lambda: core.disk.shortage)
    folder = core.process.data / "clickhouse"
    db = open_clickhouse(settings.clickhouse_url, folder, settings.clickhouse_memory_bytes)
    core.process.on_close(db.close)
    positions = core.projection.positions
    traces = Traces(stream, db, SpanProjector(stream, db, positions), positions)
    core.process.on_erase("spans", traces.remove)
    return traces


def follow_spans(core: Core, traces: Traces) -> None:
    """Spans reach their table from now on."""
    core.process.run(traces.projector.run())
    core.process.watch(lambda: traces.projector.trouble)
