"""Requests to JetStream over one standing inbox: strictly ordered sends, replies by token, no task per request.

A reply is awaited with a deadline; when the connection is gone before it comes, its outcome is not known.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson
from nats.aio.msg import Msg

from infra.eventstore.log import LogUnavailable, Unknown
from infra.nats.lean import LeanClient


class ConnectionLost(Unknown):
    """The connection went away before the answer came."""


class Requests:
    """Replies of one connection."""

    def __init__(self, nc: LeanClient, timeout: float = 5.0) -> None:
        self.nc = nc
        self.timeout = timeout
        self.sent = 0
        """Requests sent, for tests that count them."""
        self._inbox = nc.new_inbox()
        self._tokens = itertools.count()
        self._waiting: dict[str, Reply] = {}

    async def open(self) -> Requests:
        """Subscribes the inbox; once per connection."""
        await self.nc.straight(f"{self._inbox}.*", self._arrived)
        return self

    def lost(self) -> None:
        """The connection is gone: whoever waits learns that the outcome is unknown."""
        for reply in self._waiting.values():
            reply.end()

    async def send(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> Reply:
        """Sends now; the reply is awaited later. Sends keep the order of their calls."""
        token = str(next(self._tokens))
        reply = self._waiting[token] = Reply(self, token)
        self.sent += 1
        try:
            await self.tell(subject, data, headers, reply=f"{self._inbox}.{token}")
        except LogUnavailable:
            del self._waiting[token]
            raise
        return reply

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

    def _arrived(self, msg: Msg) -> None:
        reply = self._waiting.get(msg.subject.rpartition(".")[2])
        if reply is not None:
            reply.put(msg)


class Reply:
    """What comes back for one request: one message or several."""

    def __init__(self, requests: Requests, token: str) -> None:
        self._requests = requests
        self._token = token
        self._arrived: list[Msg] = []
        self._ended = False
        self._woken: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Reply:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._requests.forget(self._token)

    def put(self, msg: Msg) -> None:
        """A message of it has come."""
        self._arrived.append(msg)
        self._wake()

    def end(self) -> None:
        """The connection is gone: no further message comes."""
        self._ended = True
        self._wake()

    async def one(self) -> Msg:
        """The one message; raises Unknown when the time is over, ConnectionLost when the connection is gone."""
        return (await self.arrived())[0]

    async def arrived(self) -> list[Msg]:
        """What has come since the last call, at least one message; raises as `one` does."""
        if not self._arrived and not self._ended:
            self._woken = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._requests.timeout):
                    await self._woken
            except TimeoutError as error:
                raise Unknown("the event log did not answer in time") from error
        if not self._arrived:
            raise ConnectionLost("the connection to the event log was lost before the answer")
        arrived, self._arrived = self._arrived, []
        return arrived

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
