"""The connection that appends: it never reconnects by itself, a new one is opened only behind the guard.

A client that reconnects sends what it had buffered before anybody can look; so this one closes for good, whoever
waits learns that the outcome is unknown, and the next connection is checked before its first publish.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from infra.eventstore.guard import Stand, Witness, check
from infra.eventstore.log import LogUnavailable, LossNoticed, NoRoom
from infra.eventstore.reading import Reader
from infra.eventstore.requests import Requests
from infra.eventstore.writing import Writer
from infra.nats.connecting import Connect
from infra.nats.lean import LeanClient

log = logging.getLogger(__name__)


class GuardedConnection:
    """Hands out a Writer while the log is the one that was written."""

    def __init__(
        self,
        connect: Connect,
        witnesses: Sequence[Witness],
        *,
        timeout: float = 5.0,
        patience: float = 3.0,
        shortage: Callable[[], str] = lambda: "",
    ) -> None:
        self._connect = connect
        self._witnesses = (*witnesses, self._own_stand)
        self._timeout = timeout
        self._patience = patience
        self._shortage = shortage
        self._batches = asyncio.Semaphore(32)
        self._writer: Writer | None = None
        self._requests: Requests | None = None
        self._opened = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._acknowledged: tuple[int, str] = (0, "")
        self.log_id = ""
        self.stopped = ""
        """Why writing has stopped for good; empty while it has not."""

    async def open(self) -> None:
        """Opens behind the guard; raises LossNoticed or LogUnavailable."""
        requests: list[Requests] = []

        async def closed() -> None:
            for each in requests:
                each.lost()
            if self._requests in requests:
                self._reopen()

        nc = await self._connect(allow_reconnect=False, closed_cb=closed)
        opened = await Requests(nc, self._timeout).open()
        requests.append(opened)
        try:
            self.log_id = await check(Reader(opened), self._witnesses)
            if nc.is_closed:
                raise LogUnavailable("the event log went away while it was checked")
        except BaseException:
            await nc.close()
            raise
        self._requests = opened
        if not self.stopped:
            self._writer = Writer(opened, self._batches)
            self._opened.set()

    async def close(self) -> None:
        """Ends the connection and whatever waits for it."""
        self._closing = True
        if self._task:
            self._task.cancel()
        if self._requests:
            await self._requests.nc.close()

    @property
    def sent(self) -> int:
        """Requests sent over the open connection, for tests that count what a command costs."""
        return self._requests.sent if self._requests else 0

    def stop(self, sentence: str) -> None:
        """Ends writing for good: the log is not what was written. The first reason given stays."""
        if self.stopped:
            return
        self.stopped = sentence
        self._writer = None
        self._opened.set()
        log.critical("writing has stopped: %s", sentence)

    async def writer(self) -> Writer:
        """The writer of the open connection; waits a moment for a lost one to come back. Raises NoRoom and others."""
        if shortage := self._shortage():
            raise NoRoom(shortage)
        if self._requests is not None and self._requests.nc.is_closed:
            self._requests.lost()
            self._reopen()  # nats-py may fail on its way to telling us
        if self._writer is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._opened.wait()
        if self.stopped:
            raise LossNoticed(self.stopped)
        if self._writer is None:
            raise LogUnavailable("the event log is away; try again")
        return self._writer

    def acknowledged(self, position: int, hash: str) -> None:
        """Remembers the highest acknowledged append of this process."""
        if position > self._acknowledged[0]:
            self._acknowledged = (position, hash)

    async def _own_stand(self) -> Sequence[Stand]:
        position, hash = self._acknowledged
        return [Stand("this process", self.log_id, position, hash)]

    def _reopen(self) -> None:
        if self.stopped or self._closing or (self._task is not None and not self._task.done()):
            return
        self._writer = None
        self._opened.clear()
        self._task = asyncio.get_running_loop().create_task(self._keep_opening(), name="reopen-event-log")

    async def _keep_opening(self) -> None:
        pause = 0.02
        while True:
            try:
                await self.open()
            except LossNoticed as loss:
                self.stop(str(loss))
                return
            except Exception as error:
                log.warning("event log not reachable, trying again in %.2f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
            else:
                log.info("event log connection is open again")
                return


async def reading(connect: Connect, timeout: float = 5.0) -> tuple[LeanClient, Reader, Requests]:
    """A connection for reads; it may reconnect by itself, a read is asked again."""

    async def lost(*_: Any) -> None:
        requests.lost()

    nc = await connect(allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=0.1, disconnected_cb=lost)
    requests = await Requests(nc, timeout).open()
    return nc, Reader(requests), requests
