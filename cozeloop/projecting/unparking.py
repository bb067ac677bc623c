"""What was parked, after the fix: a stream's events applied to the live table, in their order, with all that waited."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from sqlalchemy import Connection

from cozeloop.projecting.batches import Fence
from cozeloop.projecting.building import CHUNK, ReadsAll
from cozeloop.projecting.folding import Fold, Folded
from cozeloop.projecting.tables import forget_parked
from events.event import Recorded
from infra.sql.database import Database


async def parked_events(log: ReadsAll, stream: str, first: int, until: int) -> list[Recorded[Any]]:
    """The events of a stream from the one that was parked first up to a position: later ones of it were parked too."""
    found: list[Recorded[Any]] = []
    after = first - 1
    while after < until and (page := await log.read_all(after, CHUNK, stream)):
        found += [r for r in page if r.position <= until]
        after = page[-1].position
    return found


async def unpark(database: Database, fold: Fold, stream: str, events: Sequence[Recorded[Any]], fence: Fence) -> Folded:
    """Applies the events in one transaction and takes the stream out of what is parked.

    An event that still cannot be taken is parked again with those after it; those before it are applied. Raises what
    ``fence`` raises, with nothing changed.
    """

    def work(conn: Connection) -> Folded:
        fence(conn)
        forget_parked(conn, [fold.table.name], stream)
        freed = copy(fold)
        freed.parked = fold.parked - {stream}
        return freed.write_carefully(conn, events)

    folded = await database.write(work)
    fold.parked = (fold.parked - {stream}) | folded.parked
    return folded
