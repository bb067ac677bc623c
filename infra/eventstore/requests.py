"""Requests to JetStream over one standing inbox: strictly ordered sends, replies by token, no task per request.

A reply is awaited with a deadline; when the connection is gone before it comes, its outcome is not known.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from infra.eventstore.log import LogUnavailable, Unknown


class ConnectionLost(Unknown):
    """The connection went away before the answer came."""


class Requests:
    """Replies of one connection."""

    def __init__(self, nc: Client, timeout: float = 5.0) -> None:
        self.nc = nc
        self.timeout = timeout
        self.sent = 0
        """Requests sent, for tests that count them."""
        self._inbox = nc.new_inbox()
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Queue[Msg | None]] = {}
        self._subscribed: asyncio.Future[None] | None = None

    async def open(self) -> Requests:
        """Subscribes the inbox; once per connection."""
        await self.nc.subscribe(f"{self._inbox}.*", cb=self._arrived, pending_bytes_limit=512 * 1024 * 1024)
        return self

    def lost(self) -> None:
        """The connection is gone: whoever waits learns that the outcome is unknown."""
        for queue in self._waiting.values():
            queue.put_nowait(None)

    async def send(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> Reply:
        """Sends now; the reply is awaited later. Sends keep the order of their calls."""
        token = str(next(self._tokens))
        queue: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._waiting[token] = queue
        self.sent += 1
        try:
            await self.tell(subject, data, headers, reply=f"{self._inbox}.{token}")
        except LogUnavailable:
            del self._waiting[token]
            raise
        return Reply(self, token, queue)

    async def tell(self, subject: str, data: bytes, headers: dict[str, str] | None = None, reply: str = "") -> None:
        """Sends without waiting for an answer; raises LogUnavailable when nothing was sent."""
        try:
            await self.nc.publish(subject, data, reply=reply, headers=headers)
        except Exception as error:
            raise LogUnavailable(f"the event log cannot be reached: {error}") from error

    async def ask(self, subject: str, body: Any = None) -> dict[str, Any]:
        """One JSON request and its JSON answer, errors included."""
        reply = await self.send(subject, b"" if body is None else orjson.dumps(body))
        async with reply:
            answer: dict[str, Any] = orjson.loads((await reply.one()).data)
        return answer

    def forget(self, token: str) -> None:
        """No more replies of this token are wanted."""
        self._waiting.pop(token, None)

    async def _arrived(self, msg: Msg) -> None:
        queue = self._waiting.get(msg.subject.rpartition(".")[2])
        if queue:
            queue.put_nowait(msg)


class Reply:
    """What comes back for one request: one message or several."""

    def __init__(self, requests: Requests, token: str, queue: asyncio.Queue[Msg | None]) -> None:
        self._requests = requests
        self._token = token
        self._queue = queue

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._requests.forget(self._token)

    async def one(self) -> Msg:
        """The next message; raises Unknown when the time is over, ConnectionLost when the connection is gone."""
        if self._queue.empty():
            try:
                async with asyncio.timeout(self._requests.timeout):
                    msg = await self._queue.get()
            except TimeoutError as error:
                raise Unknown("the event log did not answer in time") from error
        else:
            msg = self._queue.get_nowait()
        if msg is None:
            raise ConnectionLost("the connection to the event log was lost before the answer")
        return msg

    async def stream(self) -> AsyncIterator[Msg]:
        """Messages until one with a ``Status`` header, which is the last that is yielded."""
        while True:
            msg = await self.one()
            yield msg
            if msg.headers and "Status" in msg.headers:
                return
