"""Every message of a stream, in order, from a position on: nothing twice, nothing left out, or a loud end.

A pull consumer without acknowledgements: its position is the reader's, kept in the reader's own transaction. One
request for a thousand messages stands at the server, which sends each as soon as it is stored. What the server has
sent is numbered: a break in that count means lost deliveries, and the consumer is made anew behind the last message
seen; a break in the stream's own count means that the log itself has a hole, which nothing can repair.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client
from nats.errors import Error as NatsError

from infra.gaps import Gaps
from infra.messaging.delivery import ANSWER_SECONDS, Delivered, Delivery, Interrupted
from infra.messaging.streams import NOT_FOUND
from infra.nats.connecting import Connect, JetStreamAway, JetStreamRefused, ask
from infra.nats.lean import LeanClient

log = logging.getLogger(__name__)

LONGEST_PAUSE = 1.0
NOTHING = Gaps()


class LogHole(Exception):
    """Messages are missing from the stream after ``position``; the text names the gap."""

    def __init__(self, position: int, sentence: str) -> None:
        super().__init__(sentence)
        self.position = position


@dataclass(frozen=True, slots=True)
class RawEvent:
    """A message as it lies in the stream. ``timestamp`` is the server's, cut to microseconds."""

    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    timestamp: datetime


class Feed:
    """Reads one stream over a connection of its own; ``gapless=False`` for streams that drop old messages.

    ``lost``: sequences whose loss was accepted.
    """

    def __init__(self, connect: Connect, stream: str = "EVENTS", *, gapless: bool = True, lost: Gaps = NOTHING) -> None:
        self._connect = connect
        self._stream = stream
        self._gapless = gapless
        self._lost = lost
        self._delivery: Delivery | None = None
        self.pending = 0
        """How many messages lay behind the last one yielded, when it was sent."""
        self.consumers = 0
        """Consumers made so far: one, and one more after each interruption."""

    async def batches(self, after: int = 0) -> AsyncGenerator[list[RawEvent]]:
        """Lists of messages with sequences > ``after``, as soon as they are there, for as long as it is read.

        Interruptions are waited out. Raises LogHole when the stream ends before ``after`` or misses a sequence.
        """
        position = after
        pause = 0.0
        nc = await self._open()
        try:
            while True:
                delivery = self._delivery = Delivery(nc, self._stream)
                try:
                    await self._check_end(nc, position)
                    await delivery.open(position)
                    self.consumers += 1
                    broken = False
                    while not broken:
                        batch = await delivery.batch()
                        whole = self._checked(batch, position, delivery)
                        broken = len(whole) < len(batch)
                        if whole:
                            position = whole[-1].sequence
                            pause = 0.0
                            yield whole
                except (Interrupted, JetStreamAway, JetStreamRefused, NatsError, OSError) as error:
                    log.info("feed of %s interrupted at %d: %s", self._stream, position, error)
                finally:
                    await delivery.close()
                await asyncio.sleep(pause)
                pause = min(pause * 2 or 0.02, LONGEST_PAUSE)
                if nc.is_closed:
                    nc = await self._open()
        finally:
            with contextlib.suppress(OSError, NatsError):
                await nc.close()

    async def _open(self) -> LeanClient:
        """Waits for a server for as long as it takes."""
        pause = 0.02
        while True:
            try:
                return await self._connect(disconnected_cb=self._disconnected)
            except (OSError, NatsError) as error:
                log.warning("feed of %s: %s", self._stream, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _disconnected(self) -> None:
        if self._delivery is not None:
            self._delivery.interrupt("the connection was lost")

    async def _check_end(self, nc: Client, position: int) -> None:
        try:
            info = await ask(nc, f"$JS.API.STREAM.INFO.{self._stream}", timeout=ANSWER_SECONDS)
        except JetStreamRefused as refusal:
            if refusal.err_code == NOT_FOUND:
                raise LogHole(position, f"the stream {self._stream} is gone, position {position} with it") from None
            raise
        end = int(info["state"]["last_seq"])
        if end < position:
            raise LogHole(end, f"{self._stream} ends at {end}, but it was read up to {position}")

    def _checked(self, batch: list[Delivered], position: int, delivery: Delivery) -> list[RawEvent]:
        """The messages up to a break in the count of deliveries; raises LogHole at a break in the stream's."""
        whole: list[RawEvent] = []
        for msg in batch:
            if msg.number != delivery.seen + 1:
                log.warning("feed of %s: delivery %d after %d", self._stream, msg.number, delivery.seen)
                break
            if self._gapless and msg.sequence != position + 1 and not self._lost.hold(position + 1, msg.sequence - 1):
                if whole:
                    break
                raise LogHole(
                    position,
                    f"{_gap(position + 1, msg.sequence - 1)} missing from the stream {self._stream}",
                )
            delivery.seen = msg.number
            position = msg.sequence
            self.pending = msg.pending
            whole.append(RawEvent(msg.subject, msg.headers, msg.data, msg.sequence, msg.at))
        return whole


def _gap(first: int, last: int) -> str:
    return f"position {first} is" if first == last else f"positions {first} to {last} are"
