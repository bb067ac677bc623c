"""nats-py's client with quicker headers, and at home on uvloop.

An event has twenty headers, and they were most of what reading one cost. Methods of nats-py's own are replaced, with
the same results: what is unusual is left to the originals. A test compares both on any header, and notices when a
release of nats-py calls them otherwise. `LeanClient.straight` is what nats-py has not: messages without a queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.protocol import command

from infra.nats.straight import StraightParser

BLANK = " \t\n\r\x0b\x0c"
MOST_NAMES = 1024


class SteadyTransport(TcpTransport):
    """Writes to a connection that has ended go nowhere, as on asyncio's own loop; the reader sees the end.

    Uvloop raises RuntimeError, which nats-py does not expect: it would end a reconnection for good.
    """

    def __bool__(self) -> bool:
        return True

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        reader, writer = self._io_reader, self._io_writer
        return reader is None or writer is None or writer.is_closing() or reader.exception() is not None

    def write(self, payload: bytes) -> None:
        """Sends, or does nothing."""
        self.writelines([payload])

    def writelines(self, payload: Iterable[bytes]) -> None:
        """Sends, or does nothing."""
        if self._io_writer is not None:
            with suppress(RuntimeError):
                self._io_writer.writelines(payload)

    async def drain(self) -> None:
        """Waits until there is room; raises ConnectionResetError."""
        if self._io_writer is not None:
            await self._io_writer.drain()


class LeanClient(Client):
    """Reads and writes headers with a dozen operations each instead of hundreds."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = StraightParser(self)

    async def straight(self, subject: str, take: Callable[[Msg], None]) -> Subscription:
        """Calls ``take`` with each message as it is read, which must neither wait nor raise; nothing is buffered.

        nats-py's own subscriptions cost each message a queue, and a turn of a task of theirs.
        """
        subscription = await self.subscribe(subject, cb=_unused)
        self._ps.takers[subscription._id] = take
        return subscription

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        take = self._ps.takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)  # of data alone, as nats-py does
        known = await self._process_headers(headers)
        take(Msg(self, subject.decode(), reply.decode(), data, known))

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._ps.takers.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """What was not sent stays unsent when there is nobody to send it to; nothing of the rest is left out."""
        if isinstance(self._transport, SteadyTransport) and self._transport.lost:
            self._pending = []
            self._pending_data_size = 0
        await super()._close(status, do_cbs)

    async def _connect_to_server(self, s: Any) -> None:
        if self._transport is None and s.uri.scheme in ("nats", "tls"):
            self._transport = SteadyTransport()
        await super()._connect_to_server(s)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        if not raw.isascii():
            return Client._parse_header_lines(raw)
        found: dict[str, str] = {}
        for line in raw.decode("ascii").split("\r\n"):
            name, colon, value = line.partition(":")
            if not colon:
                continue
            if not (name in _plain_names or _is_plain(name)):
                return Client._parse_header_lines(raw)
            found[name] = value.strip(BLANK)
        return found

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        block = header_block(headers) if headers else None
        if block is None or not subject:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(command.hpub_cmd(subject, reply, block, payload))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()


async def _unused(_: Msg) -> None:
    """What nats-py wants to have been told."""


def header_block(headers: Mapping[str, str]) -> bytes | None:
    """The headers as they go over the wire; None when one of them needs nats-py's care."""
    for name, value in headers.items():
        if type(name) is not str or type(value) is not str:  # nats-py's own are of an enumeration of strings
            return None
        if not (name in _plain_names or _is_plain(name)) or "\n" in value or "\r" in value or value != value.strip():
            return None
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"NATS/1.0\r\n{lines}\r\n".encode()


_plain_names: set[str] = set()
"""Names seen before that need no care."""


def _is_plain(name: str) -> bool:
    """Letters, digits and hyphens alone."""
    plain = name.isascii() and name.replace("-", "").isalnum()
    if plain and len(_plain_names) < MOST_NAMES:
        _plain_names.add(name)
    return plain
