"""A lean HTTP/1.1 client on keep-alive connections: a request is bytes, an answer is status and body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._got = b""
        self._awaited = -1
        self._head = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        _, protocol = await asyncio.get_running_loop().create_connection(cls, host, port)
        return protocol

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Sends; the future brings status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._awaited < 0:
            at = self._got.find(END_OF_HEAD)
            if at < 0:
                return
            self._head = at + len(END_OF_HEAD)
            head = self._got[:at].lower()
            place = head.find(LENGTH)
            assert place >= 0, head
            self._awaited = self._head + int(head[place + len(LENGTH) :].split(b"\r\n", 1)[0])
        if len(self._got) >= self._awaited and self._answer is not None:
            answer, self._answer = self._answer, None
            status, body = int(self._got[9:12]), self._got[self._head : self._awaited]
            self._got, self._awaited = b"", -1
            answer.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server hung up"))


def request(method: str, path: str, headers: Mapping[str, str], body: Any = None) -> tuple[str, str]:
    """Head and body as text; the head still lacks its ``Content-Length``, which `whole` adds."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items())]
    if body is not None:
        lines.append("Content-Type: application/json")
    return "\r\n".join(lines), "" if body is None else json.dumps(body)


def whole(head: str, body: str) -> bytes:
    """The request as it is sent."""
    content = body.encode()
    return f"{head}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
