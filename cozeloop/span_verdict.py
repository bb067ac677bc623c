"""What `verify` says of the stream of spans, and of the table that is made of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from infra.eventstore.reading import Reader
from infra.messaging.verify_spans import SpansVerification, verify_spans
from infra.vault.keys import Keyring

log = logging.getLogger(__name__)


async def spans_verified(
    reader: Reader, keyring: Keyring, stands: Callable[[], Awaitable[int]]
) -> AsyncIterator[Mapping[str, Any]]:
    """Progress, and last the verdict with ``table``: how far the table of spans has come, in a sentence."""
    report = SpansVerification()
    async for report in verify_spans(reader, keyring):
        yield as_json(report)
    try:
        shown = await stands()
    except Exception as error:
        log.warning("the trace table cannot be asked how far it has come", exc_info=True)
        yield as_json(report, f"the trace table cannot be asked: {error}")
        return
    behind = report.last - shown
    if behind < 0:
        report.problems.append(f"SPANS ends at {report.last}, the trace table has come to {shown}: its end is lost")
    told = f"the trace table is {behind} positions behind" if behind > 0 else "the trace table shows them"
    yield as_json(report, told)


def as_json(report: SpansVerification, table: str = "") -> Mapping[str, Any]:
    """The report as plain JSON."""
    return {**asdict(report), "since": report.since.isoformat() if report.since else "", "table": table}
