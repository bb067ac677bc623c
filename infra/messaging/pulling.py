"""A worker's side of the queue: one standing pull per run, so that runs take turns, and a bound on all together.

A task is held from its arrival on: while it waits for a slot or is performed, heartbeats keep the server from handing
it to somebody else. It is acknowledged after it was performed; one whose worker dies returns after ``ack_wait``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from infra.nats.ending import ended

log = logging.getLogger(__name__)

PULL_SECONDS = 20.0
LONGEST_RETRY_SECONDS = 15.0
BUFFERED_BYTES = 64 * 1024 * 1024
NOT_ASKED = (0, 0.0)
WAITING = (-1, 0.0)
"""A task of the run has arrived and waits for a slot: the next one is asked for when it has it."""

Perform = Callable[[bytes, int], Awaitable[None]]
"""Performs a task's data; the number says how often it was handed out, from 1. A raise hands it out again."""


class Pulls:
    """The runs that a process works on, and the tasks that it holds."""

    def __init__(self, nc: Client, perform: Perform, slots: int) -> None:
        self._nc = nc
        self._perform = perform
        self._slots = asyncio.Semaphore(slots)
        self._inbox = nc.new_inbox()
        self._standing: dict[str, tuple[int, float]] = {}
        """Run -> the number of its standing pull, and when that was sent."""
        self._subscription: Subscription | None = None
        self._number = 0
        self._held: dict[asyncio.Task[None], str] = {}
        self.performed = 0

    async def open(self) -> None:
        """Listens; nothing is asked for yet."""
        self._subscription = await self._nc.subscribe(
            f"{self._inbox}.*.*", cb=self._arrived, pending_bytes_limit=BUFFERED_BYTES
        )

    async def close(self) -> None:
        """Takes no further task and gives back what is held, to be handed out at once to others."""
        self._standing.clear()
        subscription, self._subscription = self._subscription, None
        try:
            if subscription and self._nc.is_connected:
                await subscription.drain()  # type: ignore[no-untyped-call]
        except NatsError as error:
            log.info("tasks that are on their way come back after their time: %s", error)
        held = dict(self._held)
        await asyncio.gather(*map(ended, held))
        if not self._nc.is_connected:
            return
        try:
            for reply in held.values():
                await self._nc.publish(reply, b"-NAK")
            await self._nc.flush(timeout=1)
        except NatsError as error:
            log.info("%d tasks come back after their time: %s", len(held), error)

    async def work_on(self, runs: Iterable[str]) -> None:
        """These runs and no others; asks for those that have no standing pull."""
        wanted = set(runs)
        for run in self._standing.keys() - wanted:
            del self._standing[run]
        for run in wanted:
            await self.add(run)

    async def add(self, run: str) -> None:
        """Works on one more run; asks for a task of it unless a pull stands, or a task of it waits for a slot."""
        if self._subscription is None:
            return
        number, sent = self._standing.setdefault(run, NOT_ASKED)
        if number == 0 or (number > 0 and time.monotonic() - sent > PULL_SECONDS * 1.5):
            await self._ask(run)

    def drop(self, run: str) -> None:
        """No further task of this run; what is held of it goes on."""
        self._standing.pop(run, None)

    async def again(self) -> None:
        """After a reconnect no pull stands any more."""
        for run in list(self._standing):
            self._standing[run] = NOT_ASKED
            await self.add(run)

    async def beat(self) -> None:
        """What is held is still being worked on."""
        for reply in self._held.values():
            await self._nc.publish(reply, b"+WPI")

    async def _ask(self, run: str) -> None:
        self._number += 1
        self._standing[run] = (self._number, time.monotonic())
        body = f'{{"batch":1,"expires":{int(PULL_SECONDS * 1e9)}}}'.encode()
        reply = f"{self._inbox}.{run}.{self._number}"
        await self._nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.WORK.r{run}", body, reply=reply)

    async def _arrived(self, msg: Msg) -> None:
        if not msg.reply:
            await self._ended(msg)
            return
        run = msg.subject.split(".")[1]
        if run in self._standing:
            self._standing[run] = WAITING
        task = asyncio.get_running_loop().create_task(self._one(run, msg))
        self._held[task] = msg.reply
        task.add_done_callback(self._held.pop)

    async def _ended(self, msg: Msg) -> None:
        """A pull ended without a task: its time is over, or there is no such consumer (any more)."""
        _, run, number = msg.subject.rsplit(".", 2)
        if self._standing.get(run, NOT_ASKED)[0] != int(number):
            return
        headers = msg.headers or {}
        if headers.get("Status") in ("404", "408"):
            await self._ask(run)
        else:
            log.info("run %s: %s %s", run, headers.get("Status"), headers.get("Description", ""))
            self.drop(run)

    async def _one(self, run: str, msg: Msg) -> None:
        delivered = int(msg.reply.split(".")[-5])
        async with self._slots:
            if self._standing.get(run) == WAITING:
                await self._ask(run)
            try:
                await self._perform(msg.data, delivered)
            except Exception:
                log.exception("a task of run %s failed and is handed out again", run)
                delay = min(2.0 ** (delivered - 1), LONGEST_RETRY_SECONDS)
                answer = b"-NAK " + orjson.dumps({"delay": int(delay * 1e9)})
            else:
                self.performed += 1
                answer = b"+ACK"
        await self._nc.publish(msg.reply, answer)
