"""One pull consumer and its standing request: what arrives, numbered as the server sent it, until it breaks off."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from infra.nats.connecting import ask
from infra.nats.lean import LeanClient

log = logging.getLogger(__name__)

BATCH = 1000
MAX_BYTES = 32 * 1024 * 1024
EXPIRES = 30.0
HEARTBEAT = 5.0
SILENCE = 2.5 * HEARTBEAT
"""Longest time without a message or heartbeat before the consumer is taken for dead."""
FORGOTTEN_AFTER = 60.0
ANSWER_SECONDS = 1.0
"""An answer that got lost with its connection never comes, so it is asked for again soon."""
SERVED = ("Batch Completed", "Message Size Exceeds MaxBytes")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Interrupted(Exception):
    """A delivery will bring nothing more; another one is to be opened."""


class Delivered(NamedTuple):
    """A message, its number among those that the consumer sent, and how many lay behind it."""

    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    at: datetime
    number: int
    pending: int


class Delivery:
    """Opened once, read until it is interrupted, closed."""

    def __init__(self, nc: LeanClient, stream: str) -> None:
        self._nc = nc
        self._stream = stream
        self._name = f"feed_{secrets.token_hex(8)}"
        self._inbox = nc.new_inbox()
        self._request = 0
        self._asked = 0
        self._arrived: list[Delivered] = []
        self._woken = asyncio.Event()
        self._interrupted = ""
        self._subscription: Subscription | None = None
        self.seen = 0
        """The number of the last delivery that the reader took."""

    async def open(self, position: int) -> None:
        """Makes a consumer that starts behind ``position``."""
        self._subscription = await self._nc.straight(f"{self._inbox}.*", self._take)
        config = {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": position + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "max_waiting": 8,
            "num_replicas": 1,
            "mem_storage": True,
            "inactive_threshold": int(FORGOTTEN_AFTER * 1e9),
        }
        body = {"stream_name": self._stream, "config": config, "action": "create"}
        await ask(self._nc, f"$JS.API.CONSUMER.CREATE.{self._stream}.{self._name}", body, timeout=ANSWER_SECONDS)
        await self._ask()

    async def batch(self) -> list[Delivered]:
        """Everything that has arrived, as soon as something has; raises Interrupted."""
        while not self._arrived:
            if self._interrupted:
                raise Interrupted(self._interrupted)
            if self._asked == 0:
                await self._ask()
            self._woken.clear()
            try:
                async with asyncio.timeout(SILENCE):
                    await self._woken.wait()
            except TimeoutError:
                raise Interrupted(f"nothing was heard for {SILENCE:g} s") from None
        arrived, self._arrived = self._arrived, []
        if self._asked == 0:
            await self._ask()
        return arrived

    def interrupt(self, why: str) -> None:
        """Nothing more will come of it."""
        self._interrupted = why
        self._woken.set()

    async def close(self) -> None:
        """Leaves nothing behind, if the server can still be told."""
        if self._subscription is None or not self._nc.is_connected:
            return
        try:
            await self._subscription.unsubscribe()
            await self._nc.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")
        except NatsError as error:
            log.debug("consumer %s is left to expire: %s", self._name, error)

    async def _ask(self) -> None:
        self._request += 1
        self._asked = BATCH
        body = (
            f'{{"batch":{BATCH},"max_bytes":{MAX_BYTES},"expires":{int(EXPIRES * 1e9)},'
            f'"idle_heartbeat":{int(HEARTBEAT * 1e9)}}}'
        )
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._nc.publish(subject, body.encode(), reply=f"{self._inbox}.{self._request}")

    def _take(self, msg: Msg) -> None:
        self._woken.set()
        headers = msg.headers or {}
        if not msg.reply:  # no delivery
            if "Status" in headers:
                self._status(msg.subject, headers)
            return
        self._asked -= 1
        self._arrived.append(_delivered(msg, headers))

    def _status(self, subject: str, headers: Mapping[str, str]) -> None:
        """Why a request ended: that it was served, its time or its bytes are harmless, the rest is not."""
        if headers["Status"] == "100" or subject.rpartition(".")[2] != str(self._request):
            return
        reason = headers.get("Description", "")
        if headers["Status"] == "408" or reason in SERVED:
            self._asked = 0
        else:
            self.interrupt(f"{headers['Status']} {reason}")


def _delivered(msg: Msg, headers: Mapping[str, str]) -> Delivered:
    """Reads ``$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<sequence>.<number>.<time>.<pending>``."""
    tokens = msg.reply.split(".")
    first = 5 if len(tokens) == 9 else 7
    at = EPOCH + timedelta(microseconds=int(tokens[first + 2]) // 1000)
    return Delivered(
        msg.subject, headers, msg.data, int(tokens[first]), at, int(tokens[first + 1]), int(tokens[first + 3])
    )
