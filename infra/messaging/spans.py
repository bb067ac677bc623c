"""Span batches on stream SPANS: sealed under the space's key, stored before they are acknowledged, kept for a while.

A batch is lines of JSON, one span each. Its message holds them sealed as one, so that a destroyed key ends them as
it ends everything else; the subject names the space alone. Nobody is kept from storing a batch twice: whoever reads
them looks at each span's ids.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import Error as NatsError

from infra.eventstore.log import LogUnavailable, NoRoom, Unknown
from infra.messaging.feed import Feed, RawEvent
from infra.nats.connecting import ask
from infra.vault.keys import KeyMissing, Keyring

log = logging.getLogger(__name__)

STREAM = "SPANS"
LARGEST = 4 * 1024 * 1024
"""Bytes of lines in one message; the server takes 8 MiB. A single line above it travels deflated."""
TIMEOUT_SECONDS = 5.0
KEY, NONCE, FORM, DEFLATED = "span-key", "span-nonce", "span-form", "deflate"


class Unreadable(Exception):
    """A message that holds no batch which its key opens; the text says why."""


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """One message: the space, its lines joined by a line end, and its place in the stream."""

    space: str
    lines: bytes
    position: int


class JetStreamSpans:
    """Writes batches, and reads them in their order. One connection for writing, each feed has its own."""

    def __init__(
        self, nc: Client, keyring: Keyring, feed: Callable[[], Feed], shortage: Callable[[], str] = lambda: ""
    ) -> None:
        self._nc = nc
        self._keyring = keyring
        self._feed = feed
        self._shortage = shortage
        self.unreadable = 0
        """Messages passed over since the start because they were altered."""

    async def put(self, space: str, lines: Sequence[bytes]) -> int:
        """Stores the lines and returns the position of the last; one sync for each 4 MiB.

        Raises NoRoom when the disk is short of it, LogUnavailable when the last of them was not stored, and Unknown
        when nobody can say.
        """
        if shortage := self._shortage():
            raise NoRoom(shortage)
        key = self._keyring.current(space) or await self._keyring.of(space)
        subject = f"spans.{space}"
        position = 0
        for part in parts(lines):
            headers = {KEY: key.id}
            sent = part
            if len(part) > LARGEST:
                sent, headers[FORM] = await asyncio.to_thread(zlib.compress, part, 1), DEFLATED
            nonce, sealed = key.seal(sent, subject.encode())
            position = await self._publish(subject, sealed, headers | {NONCE: nonce.hex()})
        return position

    async def batches(self, after: int) -> AsyncIterator[list[SpanBatch]]:
        """Opened batches behind a position, as soon as they are there; those of a destroyed key are without lines."""
        async for messages in self._feed().batches(after):
            yield [await self._opened(m) for m in messages]

    async def span(self) -> tuple[str, int, int]:
        """When the stream was made, and the positions of its first and last message."""
        info = await ask(self._nc, f"$JS.API.STREAM.INFO.{STREAM}")
        return str(info["created"]), int(info["state"]["first_seq"]), int(info["state"]["last_seq"])

    async def purge(self, space: str) -> int:
        """Removes every batch of a space, and returns how many they were."""
        answer = await ask(self._nc, f"$JS.API.STREAM.PURGE.{STREAM}", {"filter": f"spans.{space}"})
        return int(answer["purged"])

    async def _publish(self, subject: str, data: bytes, headers: dict[str, str]) -> int:
        try:
            reply = await self._nc.request(subject, data, timeout=TIMEOUT_SECONDS, headers=headers)
        except (NoRespondersError, ConnectionClosedError) as error:
            raise LogUnavailable(f"the spans were not stored: {error}") from error
        except NatsError as error:
            raise Unknown(f"whether the spans were stored is not known: {error}") from error
        answer = orjson.loads(reply.data)
        if refused := answer.get("error"):
            raise LogUnavailable(f"the spans were not stored: {refused.get('description')}")
        return int(answer["seq"])

    async def _opened(self, message: RawEvent) -> SpanBatch:
        space = message.subject.partition(".")[2]
        try:
            lines = await opened(self._keyring, message.subject, message.headers, message.data)
        except Unreadable as error:
            self.unreadable += 1
            log.error("the spans at position %d cannot be read and are passed over: %s", message.sequence, error)
            return SpanBatch(space, b"", message.sequence)
        return SpanBatch(space, lines or b"", message.sequence)


async def opened(keyring: Keyring, subject: str, headers: Mapping[str, str], data: bytes) -> bytes | None:
    """The lines of a message of SPANS, None when their key is destroyed; raises Unreadable."""
    try:
        key = keyring.cached(headers[KEY]) or await keyring.by_id(headers[KEY])
        if key is None:
            return None
        lines = key.open(bytes.fromhex(headers[NONCE]), data, subject.encode())
        return zlib.decompress(lines) if headers.get(FORM) == DEFLATED else lines
    except InvalidTag:
        raise Unreadable("the batch was altered or moved") from None
    except KeyMissing as error:
        raise Unreadable(str(error)) from error
    except (KeyError, ValueError, zlib.error) as error:
        raise Unreadable(f"this is no batch of spans: {error!r}") from error


def parts(lines: Sequence[bytes]) -> list[bytes]:
    """The lines joined into parts of at most `LARGEST` bytes; a longer line is a part of its own."""
    found: list[list[bytes]] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if not found or size > LARGEST:
            found.append([])
            size = len(line) + 1
        found[-1].append(line)
    return [b"\n".join(each) for each in found]
