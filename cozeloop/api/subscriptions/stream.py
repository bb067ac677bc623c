"""Server-sent events over one reader: sent no faster than they are taken, ended when the right to read them ends.

Frames: an event (``id`` is its position, ``data`` the event), ``position`` when nothing was said for a while (its
``id`` is how far everything was looked through), and at the end ``error`` with ``{code, msg}``, or ``end``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import Module
from cozeloop.api.refusals import answer_of, internal_error
from cozeloop.api.subscriptions.permission import Permission
from cozeloop.platform import EventLine, EventReader, SubscriptionsEnded

log = logging.getLogger("cozeloop.api")

MEDIA = "text/event-stream"
BEGIN = b"retry: 1000\n\n"
LAST_WORDS_SECONDS = 1.0
"""How long a reader that does not read is waited for at the end."""


class EventStream(Response):
    """An answer that lasts. Closes its reader however it ends."""

    media_type = MEDIA

    def __init__(self, reader: EventReader, permission: Permission, heartbeat: float, log_name: str = "events") -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._reader = reader
        self._permission = permission
        self._heartbeat = heartbeat
        self._named = b"" if log_name == "events" else f"{log_name}:".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the reader hangs up, may read no longer, or the platform stops."""
        sending = asyncio.ensure_future(self._send(scope, send))
        leaving = asyncio.ensure_future(self._left(receive))
        ending = asyncio.ensure_future(self._reader.ended())
        try:
            await asyncio.wait({sending, leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                await asyncio.wait({sending, leaving}, timeout=LAST_WORDS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._reader.close()
            tasks = (sending, leaving, ending)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self._chunks(scope.get("log_id", "")):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError as error:
            log.debug("a reader of events is gone: %s", error)

    @staticmethod
    async def _left(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _chunks(self, log_id: str) -> AsyncIterator[bytes]:
        """What is sent, a page at a time; the next one is fetched when this one is taken."""
        yield BEGIN
        loop = asyncio.get_running_loop()
        spoken = loop.time()
        try:
            while True:
                page = await self._reader.page(min(self._permission.every, self._heartbeat))
                await self._permission.require()
                if page:
                    yield frames(page, self._named)
                elif loop.time() - spoken < self._heartbeat:
                    continue
                else:
                    yield frame("position", {"position": self._reader.position}, self._reader.position, self._named)
                spoken = loop.time()
        except SubscriptionsEnded as ended:
            yield frame("end", {"msg": str(ended)}, self._reader.position, self._named)
        except Exception as error:
            yield frame("error", self._told(error, log_id), self._reader.position, self._named)

    @staticmethod
    def _told(error: Exception, log_id: str) -> dict[str, object]:
        known: ApiError | None = answer_of(error, Module.FOUNDATION)
        if known is None:
            log.error("log_id=%s a stream of events failed", log_id, exc_info=error)
            known = internal_error(log_id)
        return {"code": known.code, "msg": known.msg}


def frames(page: Sequence[EventLine], named: bytes = b"") -> bytes:
    """Events as frames; ``named`` stands before each position of a log that has a name of its own."""
    return b"".join(b"id: %b%d\ndata: %b\n\n" % (named, *line) for line in page)


def frame(kind: str, data: dict[str, object], position: int, named: bytes = b"") -> bytes:
    """A frame that is no event."""
    return b"id: %b%d\nevent: %b\ndata: %b\n\n" % (named, position, kind.encode(), orjson.dumps(data))
