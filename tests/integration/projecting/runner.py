"""A runner of read models in a process of its own: ``python -m tests.integration.projecting.runner URL EVENTS STOP``.

It applies the history in small batches and begins again behind another runner when it is fenced. With STOP > 0 it
stops itself once (SIGSTOP) with a batch in its hands, as soon as it has come so far. With STOP < 0 it has a second
read model, and with -1 stops itself while it builds that one's table. Each thing that happens is a line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, update

from cozeloop.projecting import Fenced, Projection
from events.event import Event, Recorded
from infra.sql import open_database
from infra.sql.dialect import matching, upsert
from projections.projector import Change, Project, ReadModel
from tests.projected import History
from tests.unit.projecting.fakes import ListLog, Opened, Paid, account, columns

ACCOUNTS = 7
BATCH = 5


def tallies(name: str = "tallies") -> ReadModel:
    """Sums: an event that is applied twice, or not at all, is seen in them."""

    def projector(table: Table) -> Mapping[type[Event], Project]:
        open_ = upsert(table, ["id"], ())
        add = (
            update(table)
            .where(matching(table, "id"))
            .values(sum=table.c.sum + bindparam("more", type_=table.c.sum.type))
        )

        def opened(r: Recorded[Any]) -> Iterable[Change]:
            yield open_, {"id": r.stream.id, "owner": r.event.owner, "sum": 0}

        def paid(r: Recorded[Any]) -> Iterable[Change]:
            yield add, {"k_id": r.stream.id, "more": r.event.sum}

        return {Opened: opened, Paid: paid}

    return ReadModel(name, 1, columns, projector, of_space=None)


def history(events: int) -> History:
    """The same in every process."""
    made = History()
    for n in range(ACCOUNTS):
        made.happened(account(str(n)), Opened(owner=f"owner {n}"))
    for n in range(events - ACCOUNTS):
        made.happened(account(str(n % ACCOUNTS)), Paid(sum=n + 1))
    return made


def sums(events: int) -> list[tuple[str, int]]:
    """What the rows come to."""
    found = {str(n): 0 for n in range(ACCOUNTS)}
    for r in history(events).recorded:
        found[r.stream.id] += r.event.sum if isinstance(r.event, Paid) else 0
    return sorted(found.items())


def say(*words: object) -> None:
    print(*words, flush=True)


class StoppingLog(ListLog):
    """Stops the process once, when a building reads its first page: its table is there, nothing is in it."""

    stop = True

    async def fetch(self, after: int, limit: int, filter: str = ">") -> Sequence[Recorded[Any]]:
        if self.stop:
            self.stop = False
            say("stopping")
            os.kill(os.getpid(), signal.SIGSTOP)
        return await super().fetch(after, min(limit, BATCH * 20), filter)


async def run(url: str, events: int, stop: int) -> None:
    whole = history(events)
    models = [tallies(), *([tallies("others")] if stop < 0 else [])]
    database = open_database(url)
    projection = Projection(database, models, StoppingLog(whole) if stop == -1 else ListLog(whole), log_id="one")
    position = await open_(projection)
    while position < events:
        batch = whole.recorded[position : position + BATCH]
        if 0 < stop <= position:
            stop = 0
            say("stopping")
            os.kill(os.getpid(), signal.SIGSTOP)
        try:
            await projection.apply(batch)
            position = projection.position
        except Fenced:
            say("fenced")
            position = await open_(projection)
    await database.close()
    say("done", position)


async def open_(projection: Projection) -> int:
    while True:
        try:
            position = await projection.open()
        except Fenced:
            say("fenced")
            continue
        say("open", position)
        return position


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
