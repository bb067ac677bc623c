"""Reading the stream by direct get (ADR-31): by subject from a sequence on, the last of a subject, one sequence.

Direct gets may be answered by a replica that lags: harmless, a stale decision loses the append and is retried.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from nats.aio.msg import Msg

from infra.eventstore.envelope import SUBJECT_PREFIX, StoredRecord, stored
from infra.eventstore.log import LogUnavailable, Unknown
from infra.eventstore.requests import ConnectionLost, Requests

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 1000
BATCH_BYTES = 8 * 1024 * 1024
ATTEMPTS = 3
"""How often a read is sent when its connection is lost; a time that has run out is not tried again."""


def read(
    asked: Callable[Concatenate[Reader, P], Awaitable[T]],
) -> Callable[Concatenate[Reader, P], Awaitable[T]]:
    """Sends a read again over the next connection. A read that fails stores nothing: its outcome is never unknown."""

    @wraps(asked)
    async def again(self: Reader, *args: P.args, **kwargs: P.kwargs) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await asked(self, *args, **kwargs)
            except Unknown as error:
                if not (left and isinstance(error, ConnectionLost)):
                    raise LogUnavailable(str(error)) from error
        raise AssertionError("unreachable")

    return again


class Reader:
    """Direct gets on a stream, EVENTS unless told otherwise, over one connection.

    Each raises LogUnavailable when no answer comes.
    """

    def __init__(self, requests: Requests, stream: str = "EVENTS") -> None:
        self._requests = requests
        self._get = f"$JS.API.DIRECT.GET.{stream}"
        self._info = f"$JS.API.STREAM.INFO.{stream}"

    def beside(self, stream: str) -> Reader:
        """Reads another stream over the same connection."""
        return Reader(self._requests, stream)

    @read
    async def info(self) -> dict[str, Any]:
        """The stream's configuration and state."""
        answer = await self._requests.ask(self._info)
        if "error" in answer:
            raise LogUnavailable(f"the event log answered: {answer['error'].get('description', answer['error'])}")
        return answer

    async def pages(self, subject: str, start: int = 1, size: int = BATCH) -> AsyncIterator[list[StoredRecord]]:
        """Every message at or below ``subject`` with a sequence >= ``start``, in order, page by page."""
        while True:
            page, left = await self.page(subject, start, size)
            if page:
                yield page
                start = page[-1].position + 1
            if not left:
                return

    @read
    async def page(
        self, subject: str, start: int, limit: int, most_bytes: int = BATCH_BYTES
    ) -> tuple[list[StoredRecord], int]:
        """Up to ``limit`` messages, ending with the one that crosses ``most_bytes``; and how many more there are."""
        body = {"seq": start, "batch": limit, "max_bytes": most_bytes, "next_by_subj": subject}
        found: list[StoredRecord] = []
        async with await self._requests.send(self._get, orjson.dumps(body)) as reply:
            while True:
                for msg in await reply.arrived():
                    headers = msg.headers or {}
                    if "Status" not in headers:
                        found.append(_record(msg))
                    elif headers["Status"] == "204":
                        return found, int(headers.get("Nats-Num-Pending", 0))
                    elif headers["Status"] == "404":
                        return found, 0
                    else:
                        raise LogUnavailable(f"the event log answered {headers['Status']} {headers.get('Description')}")

    @read
    async def first_since(self, time: datetime) -> int | None:
        """The sequence of the first message recorded at or after a time, None when there is none yet."""
        body = {"start_time": time.astimezone(UTC).isoformat(), "batch": 1, "next_by_subj": "events.>"}
        async with await self._requests.send(self._get, orjson.dumps(body)) as reply:
            msg = await reply.one()
        return None if "Status" in (msg.headers or {}) else _record(msg).position

    async def last(self, subject: str) -> StoredRecord | None:
        """The newest message of an exact subject."""
        return await self._single({"last_by_subj": subject})

    async def at(self, sequence: int) -> StoredRecord | None:
        """The message with this sequence, None when there is none."""
        return await self._single({"seq": sequence})

    @read
    async def _single(self, body: dict[str, Any]) -> StoredRecord | None:
        async with await self._requests.send(self._get, orjson.dumps(body)) as reply:
            msg = await reply.one()
        headers = msg.headers or {}
        if "Status" not in headers:
            return _record(msg)
        if headers["Status"] == "404":
            return None
        raise LogUnavailable(f"the event log answered {headers['Status']} {headers.get('Description')}")


def subject_of(stream_name: str) -> str:
    """The subject of a stream's events."""
    return SUBJECT_PREFIX + stream_name


def _record(msg: Msg) -> StoredRecord:
    headers = msg.headers or {}
    return stored(
        headers["Nats-Subject"],
        headers,
        msg.data,
        int(headers["Nats-Sequence"]),
        datetime.fromisoformat(headers["Nats-Time-Stamp"]),  # cuts nanoseconds to microseconds
    )
