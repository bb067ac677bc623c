"""Traces: the stream SPANS, ClickHouse in this process or as a server, and the projector between them."""

from __future__ import annotations

from cozeloop.bootstrap.core import Core
from cozeloop.examining import FAILED, OK, WARNING, Finding
from cozeloop.projecting.spans import SpanProjector
from cozeloop.tracing import MOST_WAITING, Traces
from infra.clickhouse import open_clickhouse
from infra.clickhouse.port import ClickHouseFailed
from infra.eventstore.log import LogUnavailable
from infra.messaging.feed import Feed
from infra.messaging.spans import STREAM, JetStreamSpans
from projections.traces.queries import engine_version


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
    where = "a server" if settings.clickhouse_url else "in this process"
    core.process.on_doctor("clickhouse", lambda: examined(traces, where))
    return traces


async def examined(traces: Traces, where: str) -> list[Finding]:
    """Whether the trace table answers, of which version the engine is, and how far the table is behind SPANS."""
    try:
        await traces.projector.look()
        version, behind = await traces.ask(engine_version), await traces.behind()
    except (LogUnavailable, ClickHouseFailed) as error:
        return [Finding("clickhouse", FAILED, str(error))]
    facts = {"version": version, "behind": behind, **traces.figures()}
    state = WARNING if behind > MOST_WAITING else OK
    return [Finding("clickhouse", state, f"{where}, {version}; {behind} batches wait for the table", facts)]


def follow_spans(core: Core, traces: Traces) -> None:
    """Spans reach their table from now on."""
    core.process.run(traces.projector.run())
    core.process.watch(lambda: traces.projector.trouble)
