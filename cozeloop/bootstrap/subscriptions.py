"""Readers of events: the newest in memory, the log behind them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cozeloop.bootstrap.core import Core
from cozeloop.subscriptions import PAGE_BYTES, PAGE_EVENTS, LiveEvents, Stored
from events.event import Recorded
from infra.eventstore.jetstream_log import JetStreamLog


class LogSource:
    """The port `cozeloop.subscriptions.Source` on the log."""

    def __init__(self, log: JetStreamLog) -> None:
        self._log = log

    async def page(self, filter: str, after: int) -> tuple[list[Stored], bool]:
        """A page of the subject, not opened."""
        page, left = await self._log.reader.page(f"events.{filter}", after + 1, PAGE_EVENTS, PAGE_BYTES)
        return [Stored(r.position, r.topic, r) for r in page], left > 0

    async def opened(self, stored: Stored) -> Recorded[Any]:
        """The event."""
        [recorded] = await self._log.decode([stored.raw])
        return recorded

    async def end(self) -> int:
        """The log's end."""
        return await self._log.end()

    async def before(self, time: datetime) -> int:
        """Where what was recorded since then begins."""
        first = await self._log.reader.first_since(time)
        return await self._log.end() if first is None else first - 1


def open_subscriptions(core: Core, end: int) -> LiveEvents:
    """Follows the feed behind the log's end, last of all: nobody is told of what the read models do not show."""
    settings = core.process.settings
    live = LiveEvents(LogSource(core.log), end, settings.event_readers, settings.event_readers_each)
    core.process.platform.subscriptions = live
    return live
