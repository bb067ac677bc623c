"""The price of `sync_interval: always`: the same appends on a nats-server that syncs each, and on one that does not.

Without it JetStream acknowledges before the disk has the event, and syncs every two minutes: a power cut takes what
was acknowledged since. The platform never runs so; the second server is for this table alone.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from infra.messaging.server import NatsServer
from tests.benchmarks.appends import BATCH, append_batches, append_each, scored, stream
from tests.benchmarks.figures import Figure
from tests.benchmarks.rigs import LogRig, log_rig

SYNCED, DEFERRED = "sync_interval: always", "sync_interval: 2m"


class DeferredServer(NatsServer):
    """A log server that acknowledges before it syncs."""

    def _write_configuration(self) -> None:
        super()._write_configuration()
        path = self._dir / "nats.conf"
        text = path.read_text()
        if SYNCED not in text:
            raise RuntimeError(f"{path} does not say {SYNCED!r}")
        path.write_text(text.replace(SYNCED, DEFERRED))


async def measure(rounds: int, quick: bool) -> list[Figure]:
    events = 400 if quick else 1_200
    rates: dict[tuple[str, str], list[float]] = {}
    async with AsyncExitStack() as stack:
        rigs = {
            "always": await stack.enter_async_context(log_rig()),
            "2m": await stack.enter_async_context(log_rig(DeferredServer)),
        }
        for _ in range(rounds):
            for mode, rig in rigs.items():
                for what, rate in (await appended(rig, events)).items():
                    rates.setdefault((what, mode), []).append(rate)
    figures = []
    for what in dict.fromkeys(what for what, _ in rates):
        always, deferred = rates[what, "always"], rates[what, "2m"]
        figures += [
            Figure(f"{what}: synced each time", "events/s", always, note=f"{SYNCED}, as the platform runs"),
            Figure(f"{what}: synced every 2 minutes", "events/s", deferred, note="JetStream's default; not offered"),
            Figure(f"{what}: price", "", [b / a for a, b in zip(always, deferred, strict=True)], note="times slower"),
        ]
    return figures


async def appended(rig: LogRig, events: int) -> dict[str, float]:
    """Durable events a second of one writer, of 64, and in batches."""
    log = await rig.open_log()
    try:
        return {
            "1 writer": await rate(events, append_each(log, stream(), [scored() for _ in range(events)])),
            "64 writers": await rate(
                events // 64 * 64,
                asyncio.gather(
                    *(append_each(log, stream(), [scored() for _ in range(events // 64)]) for _ in range(64))
                ),
            ),
            "batches of 100": await rate(
                events // BATCH * BATCH,
                append_batches(log, [[scored() for _ in range(BATCH)] for _ in range(events // BATCH)]),
            ),
        }
    finally:
        await log.close()


async def rate(events: int, work: object) -> float:
    """Events a second of awaiting the work."""
    begun = time.perf_counter()
    await work  # type: ignore[misc]
    return events / (time.perf_counter() - begun)
