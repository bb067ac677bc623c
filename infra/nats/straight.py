"""Messages that go to their reader as they are read from the socket.

nats-py looks for each message with regular expressions, copies it twice, and hands it over by a queue and a task. For
a subscription that was made with `LeanClient.straight`, a message with headers is cut out of the bytes that have
arrived, once. Whatever else arrives is left to nats-py's own parser. NATS client protocol, HMSG:
``HMSG <subject> <sid> [reply] <header bytes> <all bytes>``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nats.aio.msg import Msg
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

VERSION_LINE = b"NATS/1.0\r\n"
MOST_JOINED = 256 * 1024
"""A message that is longer is gathered by nats-py, which does not copy what it has for each piece that arrives."""


class StraightParser(Parser):
    """nats-py's parser with a short way. ``nc`` reads headers, and is what the messages say they came from."""

    def __init__(self, nc: Any) -> None:
        super().__init__(nc)
        self.takers: dict[int, Callable[[Msg], None]] = {}
        """Subscription id -> what is called with each message; it neither waits nor raises."""

    async def parse(self, data: bytes = b"") -> None:
        """Reads what has arrived; a message of which a part is missing waits for the rest."""
        if self.takers and self.state == AWAITING_CONTROL_LINE:
            if self.buf:
                data = bytes(self.buf) + data
                self.buf.clear()
            taken, waits = self._take(data)
            if taken:
                data = data[taken:]
            if waits:
                self.buf.extend(data)
                return
        await super().parse(data)

    def _take(self, data: bytes) -> tuple[int, bool]:
        """How many bytes were whole messages for a taker, and whether the next one is such a message in part."""
        at, stats = 0, self.nc.stats
        while data.startswith(b"HMSG ", at):
            end = data.find(b"\r\n", at)
            words = data[at + 5 : end].split(b" ") if end > 0 else []
            if not 4 <= len(words) <= 5 or (take := self.takers.get(int(words[1]))) is None:
                break
            body = end + 2
            split, last = body + int(words[-2]), body + int(words[-1])
            if last + 2 > len(data):
                return at, last - at < MOST_JOINED
            headers = data[body:split]
            if not headers.startswith(VERSION_LINE):  # a status stands in that line
                break
            stats["in_msgs"] += 1
            stats["in_bytes"] += last - split
            at = last + 2
            take(
                Msg(
                    self.nc,
                    words[0].decode(),
                    words[2].decode() if len(words) == 5 else "",
                    data[split:last],
                    self.nc._parse_header_lines(headers[len(VERSION_LINE) :]) or None,
                )
            )
        return at, False
