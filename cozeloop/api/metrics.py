"""Counters in Prometheus' text form. Routes and read models are named, tenants never."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from cozeloop.outside import Webhooks
from cozeloop.platform import LogUnavailable, Platform

log = logging.getLogger("cozeloop.metrics")

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What this process has served since it started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._commands: Counter[str] = Counter()

    def served(self, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests[route, status] += 1
        self._seconds[route] += seconds
        bucket = next((b for b in BUCKETS if seconds <= b), None)
        if bucket is not None:
            self._within[route, bucket] += 1

    def handled(self, command: str) -> None:
        """Counts one command that was not refused."""
        self._commands[command] += 1

    async def text(self, platform: Platform) -> str:
        """Everything, with where the log and the read models stand now."""
        lines = [*self._models(platform, await end_of(platform)), *self._served()]
        if not platform.ready():
            lines += [f"cozeloop_spans_{name} {n}" for name, n in sorted(platform.spans.figures().items())]
        if platform.webhooks is not None:
            lines += await _deliveries(platform.webhooks)
        lines += ["# TYPE cozeloop_commands_total counter"]
        lines += [f'cozeloop_commands_total{{command="{c}"}} {n}' for c, n in sorted(self._commands.items())]
        return "\n".join(lines) + "\n"

    def _models(self, platform: Platform, end: int | None) -> Iterator[str]:
        yield "# TYPE cozeloop_ready gauge"
        yield f"cozeloop_ready {0 if platform.ready() else 1}"
        if end is not None:
            yield "# TYPE cozeloop_log_position gauge"
            yield f"cozeloop_log_position {end}"
        places = {m.name: platform.positions.of(m.name) for m in platform.read_models}
        yield "# TYPE cozeloop_read_model_position gauge"
        for name, position in places.items():
            yield f'cozeloop_read_model_position{{model="{name}"}} {position}'
        if end is not None:
            yield "# HELP cozeloop_read_model_lag Events that the read model has not seen yet."
            yield "# TYPE cozeloop_read_model_lag gauge"
            for name, position in places.items():
                yield f'cozeloop_read_model_lag{{model="{name}"}} {max(0, end - position)}'

        if platform.subscriptions is not None:
            yield "# HELP cozeloop_event_readers Open readers of events."
            yield "# TYPE cozeloop_event_readers gauge"
            yield f"cozeloop_event_readers {platform.subscriptions.readers}"
            yield "# HELP cozeloop_event_reader_lag Positions that the slowest reader has not looked at yet."
            yield "# TYPE cozeloop_event_reader_lag gauge"
            yield f"cozeloop_event_reader_lag {platform.subscriptions.behind}"

    def _served(self) -> Iterator[str]:
        yield "# TYPE cozeloop_requests_total counter"
        for (route, status), n in sorted(self._requests.items()):
            yield f'cozeloop_requests_total{{route="{route}",status="{status}"}} {n}'
        yield "# TYPE cozeloop_request_seconds histogram"
        totals: Counter[str] = Counter()
        for (route, _), n in self._requests.items():
            totals[route] += n
        for route, total in sorted(totals.items()):
            below = 0
            for bucket in BUCKETS:
                below += self._within[route, bucket]
                yield f'cozeloop_request_seconds_bucket{{route="{route}",le="{bucket}"}} {below}'
            yield f'cozeloop_request_seconds_bucket{{route="{route}",le="+Inf"}} {total}'
            yield f'cozeloop_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'cozeloop_request_seconds_count{{route="{route}"}} {total}'


async def _deliveries(webhooks: Webhooks) -> list[str]:
    """Nothing while the database cannot be asked: what else is known is told nevertheless."""
    try:
        found = await webhooks.figures()
    except Exception:
        log.warning("the deliveries to webhooks could not be counted", exc_info=True)
        return []
    lines = [
        "# HELP cozeloop_webhook_attempts_total Attempts to deliver; a failed one is made again.",
        "# TYPE cozeloop_webhook_attempts_total counter",
    ]
    outcomes = {outcome: found.attempts.get(outcome, 0) for outcome in ("delivered", "failed", "given_up")}
    return [
        *lines,
        *(f'cozeloop_webhook_attempts_total{{outcome="{outcome}"}} {n}' for outcome, n in outcomes.items()),
        "# HELP cozeloop_webhook_retries_total Attempts that were not the first of their delivery.",
        "# TYPE cozeloop_webhook_retries_total counter",
        f"cozeloop_webhook_retries_total {found.retries}",
        "# HELP cozeloop_webhook_deliveries Deliveries that wait for an attempt, or were given up and are kept.",
        "# TYPE cozeloop_webhook_deliveries gauge",
        f'cozeloop_webhook_deliveries{{state="waiting"}} {found.waiting}',
        f'cozeloop_webhook_deliveries{{state="undelivered"}} {found.undelivered}',
    ]


async def end_of(platform: Platform) -> int | None:
    """The log's end, None while it cannot be asked."""
    if platform.ready():
        return None
    try:
        return await platform.log.end()
    except LogUnavailable:
        return None
