"""A batch on several tables at once: all of it or nothing, and which models it stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from cozeloop.projecting.folding import Fold, Folded, Unfit
from cozeloop.projecting.tables import stop
from events.event import Recorded
from infra.sql.database import Database

PARKED_LIMIT = 100
"""A model with more parked streams than this is broken, not its events: it stops."""

Fence = Callable[[Connection], None]
"""First in a transaction: takes what must be this runner's, or raises."""

Write = Callable[[Fold, Connection, Sequence[Recorded[Any]]], Folded]


async def write_batch(
    database: Database,
    folds: Sequence[Fold],
    batch: Sequence[Recorded[Any]],
    fence: Fence | None = None,
    *,
    live: bool = True,
) -> dict[str, str]:
    """Writes the batch's changes in one transaction; returns the models that it stops, with the reason.

    ``live``: the reason is written down with them, as the tables are those that queries use.

    A change that the database refuses for its content sends the batch through again, event by event.
    """
    try:
        outcome = await database.write(_write, folds, batch, fence, live, Fold.write)
    except Unfit:
        outcome = await database.write(_write, folds, batch, fence, live, Fold.write_carefully)
    for fold, folded in outcome:
        fold.parked |= folded.parked
        fold.changed = bool(folded.runs)
    return {fold.model.name: reason for fold, folded in outcome if (reason := stops(fold, folded))}


def stops(fold: Fold, folded: Folded) -> str:
    """Why the model goes no further after this batch; empty when it goes on."""
    parked = len(fold.parked | folded.parked)
    if parked <= PARKED_LIMIT:
        return ""
    return f"{parked} streams are parked, the last for: {folded.notes[-1]['error'] if folded.notes else 'see `parked`'}"


def _write(
    conn: Connection,
    folds: Sequence[Fold],
    batch: Sequence[Recorded[Any]],
    fence: Fence | None,
    live: bool,
    write: Write,
) -> list[tuple[Fold, Folded]]:
    if fence:
        fence(conn)
    events = {type(recorded.event) for recorded in batch}
    outcome = [(fold, write(fold, conn, batch) if fold.wants(events) else Folded()) for fold in folds]
    if live:
        for fold, folded in outcome:
            if reason := stops(fold, folded):
                stop(conn, fold.model.name, reason)
    return outcome
