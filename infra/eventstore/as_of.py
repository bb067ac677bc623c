"""Where the log stood at a position or time, and the events of a stream up to there.

The server's own ``up_to`` bounds are ignored together with a subject, so the client stops by itself. The messages of
an atomic batch carry timestamps of their own: a bound that falls inside one leaves the whole batch out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.eventstore.envelope import StoredRecord
from infra.eventstore.log import BeyondEnd, Damaged
from infra.eventstore.reading import Reader, subject_of


async def whole(reader: Reader, position: int | None = None, time: datetime | None = None) -> int:
    """The last position at or before the bound at which every batch is whole; the log's end without a bound.

    A time counts as what the log's clock said, to the microsecond, inclusive. Raises BeyondEnd for a position that
    is not there yet.
    """
    end = int((await reader.info())["state"]["last_seq"])
    if position is not None and position > end:
        raise BeyondEnd(f"position {position} is beyond the log's end, {end}")
    last = end if position is None else position
    if time is not None:
        later = await reader.first_since(time + timedelta(microseconds=1))
        last = last if later is None else min(last, later - 1)
    if last == 0:
        return 0
    record = await reader.at(last)
    if record is None:
        raise Damaged(f"position {last} is missing from the log; run: cozeloop verify")
    headers = record.headers
    if "Nats-Batch-Id" not in headers or "Nats-Batch-Commit" in headers:
        return last
    return last - int(headers["Nats-Batch-Sequence"])


async def within(
    reader: Reader, name: str, position: int | None = None, time: datetime | None = None
) -> list[StoredRecord]:
    """A stream's records up to the bound, inclusive; no bound gives all."""
    found: list[StoredRecord] = []
    until = None
    if position is not None or time is not None:
        end = int((await reader.info())["state"]["last_seq"])
        until = await whole(reader, None if position is None else min(position, end), time)
    async for page in reader.pages(subject_of(name)):
        for record in page:
            if until is not None and record.position > until:
                return found
            found.append(record)
    return found
