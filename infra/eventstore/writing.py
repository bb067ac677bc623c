"""Appending: one durable message, or an atomic batch (ADR-50), each stream expecting its own last sequence.

Expectations name the exact subject: wildcards let both of two racing writers win on replicated streams. Messages of
a batch leave strictly in order; the first asks for a reply, so that a refusal is seen.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from nats.aio.msg import Msg

from infra.eventstore.envelope import StoredRecord
from infra.eventstore.log import Conflict, LogUnavailable, Unknown
from infra.eventstore.requests import Reply, Requests

MAX_BATCH = 1000
MAX_EVENT_BYTES = 512 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024
WRONG_SEQUENCE = {10071, 10164}
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class TooLarge(ValueError):
    """More than one event or one batch may hold; nothing was sent."""


class Writer:
    """Appends over one connection; ``batches`` bounds the open atomic batches of this process."""

    def __init__(self, requests: Requests, batches: asyncio.Semaphore) -> None:
        self._requests = requests
        self._batches = batches
        self._name = secrets.token_hex(12)
        self._numbers = itertools.count()

    async def append(self, records: Sequence[StoredRecord], expected: Mapping[str, int]) -> int:
        """Stores all or none and returns the sequence of the first. ``expected``: stream name -> last sequence."""
        check_sizes(records)
        if len(records) == 1:
            record = records[0]
            headers = {**record.headers, EXPECTED: str(expected[str(record.originator_id)])}
            async with await self._requests.send(record.subject, record.state, headers) as reply:
                return int(acknowledged(await reply.one())["seq"])
        async with self._batches:
            return await self._batch(records, expected)

    async def _batch(self, records: Sequence[StoredRecord], expected: Mapping[str, int]) -> int:
        batch = f"{self._name}{next(self._numbers):x}"
        begun: set[str] = set()
        first: Reply | None = None
        last: Reply | None = None
        for number, record in enumerate(records, 1):
            headers = {**record.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            name = str(record.originator_id)
            if name not in begun:
                begun.add(name)
                headers[EXPECTED] = str(expected[name])
            if number == len(records):
                headers["Nats-Batch-Commit"] = "1"
                last = await self._requests.send(record.subject, record.state, headers)
            elif number == 1:
                first = await self._requests.send(record.subject, record.state, headers)
            else:
                await self._requests.tell(record.subject, record.state, headers)
        assert first is not None and last is not None
        async with first, last:
            opened = await first.one()
            if opened.data:
                acknowledged(opened)
            return int(acknowledged(await last.one())["seq"]) - len(records) + 1


def check_sizes(records: Sequence[StoredRecord]) -> None:
    """Raises TooLarge before anything is sent."""
    if len(records) > MAX_BATCH:
        raise TooLarge(f"{len(records)} events in one batch; at most {MAX_BATCH}")
    largest = max(len(r.state) for r in records)
    if largest > MAX_EVENT_BYTES:
        raise TooLarge(f"an event of {largest} bytes; at most {MAX_EVENT_BYTES}")
    total = sum(len(r.state) for r in records)
    if total > MAX_BATCH_BYTES:
        raise TooLarge(f"a batch of {total} bytes; at most {MAX_BATCH_BYTES}")


def acknowledged(msg: Msg) -> dict[str, Any]:
    """The acknowledgement, or the refusal as an exception."""
    if (msg.headers or {}).get("Status") == "503":
        raise LogUnavailable("the event log is not ready")
    answer: dict[str, Any] = orjson.loads(msg.data)
    error = answer.get("error")
    if error is None:
        return answer
    if error.get("err_code") in WRONG_SEQUENCE:
        raise Conflict(error.get("description", "wrong last sequence"))
    if error.get("code") in {429, 503} or error.get("err_code") in {10176, 10008}:
        raise LogUnavailable(error.get("description", "the event log refused"))
    if error.get("err_code") is None:
        raise Unknown(str(error))
    raise LogUnavailable(f"the event log refused: {error.get('description')} ({error['err_code']})")
