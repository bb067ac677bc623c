"""Reads SPANS through and says what of it can be read: every batch is opened under its space's key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from infra.eventstore.reading import Reader
from infra.messaging.spans import Unreadable, opened
from infra.vault.keys import Keyring

MOST_PROBLEMS = 100


@dataclass
class SpansVerification:
    """How far it has come and what it found; final when ``done`` is ``last``.

    A batch may be gone because of its age, the stream's size, or the end of its space: that is no problem. ``gone``
    counts those between the first and the last that are there, whatever took them.
    """

    first: int = 0
    last: int = 0
    done: int = 0
    batches: int = 0
    spans: int = 0
    erased: int = 0
    """Batches whose key is destroyed."""
    gone: int = 0
    since: datetime | None = None
    """When the oldest batch that is there was stored."""
    problems: list[str] = field(default_factory=list)


async def verify_spans(reader: Reader, keyring: Keyring) -> AsyncIterator[SpansVerification]:
    """Yields its progress page by page and the verdict last; holds a page in memory. ``reader`` reads SPANS."""
    state = (await reader.info())["state"]
    report = SpansVerification(first=int(state["first_seq"]), last=int(state["last_seq"]))
    report.done = report.first - 1
    async for page in reader.pages("spans.>"):
        for record in page:
            if record.position > report.last:
                break
            report.since = report.since or record.recorded_at
            report.batches += 1
            report.gone += record.position - report.done - 1
            report.done = record.position
            try:
                lines = await opened(keyring, record.headers["Nats-Subject"], record.headers, record.state)
            except Unreadable as error:
                report.problems.append(f"position {record.position} of SPANS: {error}")
                continue
            report.erased += lines is None
            report.spans += lines.count(b"\n") + 1 if lines else 0
        if len(report.problems) > MOST_PROBLEMS:
            report.problems.append("more than a hundred problems: stopped looking")
            break
        yield report
        if report.done >= report.last:
            break
    yield report
