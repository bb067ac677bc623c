"""Effects outside that follow an event: a plain function, driven by FastStream, one event after the other.

FastStream's subscriber pushes each event of the subjects into the function and acknowledges when it returns; one that
raises is handed out again after a pause (its policy NACK_ON_ERROR). A single event is in flight, so the log's order
holds even when one is handed out again. The position is the function's own: the consumer is made anew behind it at each
`open`, lives in the server's memory, and is looked for now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from faststream.exceptions import NackMessage
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy

from infra.messaging.feed import RawEvent
from infra.messaging.streams import NOT_FOUND
from infra.nats.connecting import Connect, JetStreamAway, JetStreamRefused, ask

log = logging.getLogger(__name__)

STREAM = "EVENTS"
CONSUMER_GONE = 10014
LOOKED_FOR_SECONDS = 5.0
ANSWER_SECONDS = 30.0
FORGOTTEN_AFTER = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 30.0

Handle = Callable[[RawEvent], Awaitable[None]]


class _Broker(NatsBroker):
    """FastStream's broker over a connection of ours, which comes back quickly and is at home on uvloop."""

    def __init__(self, connect: Connect) -> None:
        super().__init__(logger=log, log_level=logging.DEBUG, apply_types=False, graceful_timeout=1.0)
        self._ours = connect

    async def _connect(self) -> Client:
        connection = await self._ours()
        self.config.connect(connection)
        return connection


class EventSubscriber:
    """One function with the events of some subjects. Open it, open it again for other subjects, close it."""

    def __init__(self, connect: Connect, handle: Handle) -> None:
        self._connect = connect
        self._handle = handle
        self._broker: _Broker | None = None
        self._consumer = ""
        self._pause = FIRST_PAUSE
        self.failures = 0
        """How often the function has raised."""

    async def open(self, subjects: Sequence[str], after: int) -> None:
        """From now on the events of these subjects behind a position, and those of no other."""
        await self.close()
        broker = _Broker(self._connect)
        self._consumer = name = f"subscriber_{secrets.token_hex(8)}"
        config = ConsumerConfig(
            name=name,
            filter_subjects=list(subjects),
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_wait=ANSWER_SECONDS,
            max_ack_pending=1,
            inactive_threshold=FORGOTTEN_AFTER,
            num_replicas=1,
            mem_storage=True,
        )

        @broker.subscriber(
            subjects[0],
            stream=JStream(STREAM, declare=False),
            config=config,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            decoder=raw_event,
        )
        async def handed_out(event: RawEvent) -> None:
            if name == self._consumer:  # one that was on its way when others took over comes again, from them
                await self._perform(event)

        self._broker = broker
        await broker.start()

    async def close(self) -> None:
        """Takes nothing more; what is being done is waited for, a second at most."""
        broker, self._broker = self._broker, None
        name, self._consumer = self._consumer, ""
        if broker is None:
            return
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            connection = broker._connection
            if connection is not None and connection.is_connected:
                await connection.publish(f"$JS.API.CONSUMER.DELETE.{STREAM}.{name}")
            async with asyncio.timeout(2):
                await broker.stop()

    async def there(self) -> bool:
        """Whether the server still has the consumer; it goes with the server's memory."""
        broker = self._broker
        if broker is None or broker._connection is None:
            return False
        try:
            await ask(broker._connection, f"$JS.API.CONSUMER.INFO.{STREAM}.{self._consumer}", timeout=1.0)
        except JetStreamRefused as refusal:
            return refusal.err_code not in (CONSUMER_GONE, NOT_FOUND)
        except (JetStreamAway, NatsError, OSError):
            return True  # nobody knows: asked again
        return True

    async def _perform(self, event: RawEvent) -> None:
        try:
            await self._handle(event)
        except Exception as error:
            self.failures += 1
            pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
            log.warning("position %d comes again in %g s: %s", event.sequence, pause, error, exc_info=error)
            raise NackMessage(delay=pause) from error
        self._pause = FIRST_PAUSE


async def raw_event(message: NatsMessage) -> Any:
    """FastStream's message as the log's."""
    msg = message.raw_message
    meta = msg.metadata
    return RawEvent(msg.subject, msg.headers or {}, msg.data, meta.sequence.stream, meta.timestamp)
