"""The events of a stream as they stood at a position or time.

The server's own ``up_to`` bounds are ignored together with a subject, so the client stops by itself. The messages of
an atomic batch carry timestamps of their own: a bound that falls inside one leaves the whole batch out.
"""

from __future__ import annotations

from datetime import datetime

from infra.eventstore.envelope import StoredRecord
from infra.eventstore.reading import Reader, subject_of


async def within(
    reader: Reader, name: str, position: int | None = None, time: datetime | None = None
) -> list[StoredRecord]:
    """A stream's records up to the bound, inclusive; no bound gives all."""
    found: list[StoredRecord] = []
    async for page in reader.pages(subject_of(name)):
        for record in page:
            if _beyond(record, position, time):
                return await _whole(reader, found, position, time)
            found.append(record)
    return await _whole(reader, found, position, time)


async def _whole(
    reader: Reader, found: list[StoredRecord], position: int | None, time: datetime | None
) -> list[StoredRecord]:
    """Without the records of a batch that was committed beyond the bound."""
    if not found or (position is None and time is None):
        return found
    batch = found[-1].headers.get("Nats-Batch-Id")
    if batch is None:
        return found
    commit = await _commit(reader, found[-1], batch)
    if commit is not None and not _beyond(commit, position, time):
        return found
    return [r for r in found if r.headers.get("Nats-Batch-Id") != batch]


async def _commit(reader: Reader, record: StoredRecord, batch: str) -> StoredRecord | None:
    """The last record of a batch, whichever stream it is of."""
    async for page in reader.pages("events.>", record.position):
        for each in page:
            if each.headers.get("Nats-Batch-Id") != batch:
                return None
            if each.headers.get("Nats-Batch-Commit"):
                return each
    return None


def _beyond(record: StoredRecord, position: int | None, time: datetime | None) -> bool:
    if position is not None and record.position > position:
        return True
    return time is not None and record.recorded_at is not None and record.recorded_at > time
