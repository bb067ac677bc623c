"""The one writer of the table of spans: it moves lines, and looks at nothing in them but their ids.

A span is who its space, trace id and span id say it is. The first copy stays: a second one is left out, and counted
as a conflict when it says something else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from infra.clickhouse import ClickHouse
from projections.traces.rows import same
from projections.traces.table import ALL, CONTENT, PLACES, READ, TABLE, create_places, create_spans, literal

_HEAD = re.compile(rb'\{"trace_id":"([0-9a-f]{32})","span_id":"([0-9a-f]{16})","start_time":(-?[0-9]+),')

Id = tuple[str, str, str]
"""Space, trace id, span id."""


@dataclass(frozen=True)
class Lines:
    """One batch of SPANS: the space, its rows as lines, and its position."""

    space: str
    lines: bytes
    position: int


class Span(NamedTuple):
    """One line with what is read of it."""

    id: Id
    start_time: int
    line: bytes
    position: int


class SpanTable:
    """Writes one table; remembers how far it has come in one stream."""

    def __init__(self, db: ClickHouse, stream: str, table: str = TABLE) -> None:
        self._db = db
        self._stream = stream
        self.table = table
        self.position = 0
        self.conflicts = 0
        """Second copies that said something else and were left out."""

    async def open(self) -> None:
        """Makes what is missing and finds out where it stands."""
        await self._db.execute(create_spans(self.table))
        await self._db.execute(create_places())
        found = await self._db.query(
            f"SELECT max(position) AS position, max(conflicts) AS conflicts FROM {PLACES} "
            f"WHERE table_name = {literal(self.table)} AND stream = {literal(self._stream)}"
        )
        self.position, self.conflicts = int(found[0]["position"]), int(found[0]["conflicts"])

    async def empty(self) -> None:
        """A table of this name without rows, that stands at the stream's beginning."""
        await self._db.execute(f"DROP TABLE IF EXISTS {self.table} SYNC")
        await self._db.execute(create_places())
        where = f"table_name = {literal(self.table)}"
        await self._db.execute(f"ALTER TABLE {PLACES} DELETE WHERE {where} SETTINGS mutations_sync = 2")
        await self.open()

    async def copy(self, live: SpanTable, first: int) -> None:
        """Takes from the live table what the stream, which begins at ``first``, cannot give again.

        Rows that came from a stream before this one bear its positions: then all are taken.
        """
        [row] = await self._db.query(
            f"SELECT uniqExact(stream) AS n FROM {PLACES} WHERE table_name = {literal(live.table)}"
        )
        older = f"WHERE seq < {int(first)}" if int(row["n"]) <= 1 else ""
        await self._db.execute(_copied(live.table, self.table, older))

    async def replace(self, live: SpanTable) -> None:
        """Takes the live table's place, and lets its rows go."""
        await self._db.execute(f"EXCHANGE TABLES {live.table} AND {self.table}")
        live.conflicts = self.conflicts
        await live.note(live.position)
        await self._db.execute(f"DROP TABLE {self.table} SYNC")

    async def take(self, batches: Sequence[Lines]) -> int:
        """Inserts what is new as one block, then notes the last position; returns the rows inserted.

        Given again after a crash in between, it finds its rows there and inserts none of them twice.
        """
        spans = await asyncio.to_thread(_once, _read(batches))  # of a full block that takes a tenth of a second
        standing = await self._standing(list(spans.values())) if spans else set()
        repeated = [s for s in spans.values() if s.id in standing]
        conflicts = await self._conflicts(repeated) + len(_differing(batches, spans))
        fresh = [s for s in spans.values() if s.id not in standing]
        if fresh:
            await self._db.insert(self.table, await asyncio.to_thread(_rows, fresh))
        await self.note(batches[-1].position, conflicts)
        return len(fresh)

    async def erase(self, space: str) -> int:
        """Writes the table anew without the rows of a space, and removes the old files; returns how many they were.

        A deletion in place would leave the rows in parts that are only removed some time later.
        """
        anew = f"{self.table}_anew"
        await self._db.execute(f"DROP TABLE IF EXISTS {anew} SYNC")
        [row] = await self._db.query(f"SELECT count() AS n FROM {self.table} WHERE space_id = {int(space)}")
        if int(row["n"]):
            await self._db.execute(create_spans(anew))
            await self._db.execute(_copied(self.table, anew, f"WHERE space_id != {int(space)}"))
            await self._db.execute(f"EXCHANGE TABLES {self.table} AND {anew}")
            await self._db.execute(f"DROP TABLE {anew} SYNC")
        return int(row["n"])

    async def note(self, position: int, conflicts: int = 0) -> None:
        """Stands at the position from now on."""
        self.conflicts += conflicts
        place = {
            "table_name": self.table,
            "stream": self._stream,
            "position": position,
            "conflicts": self.conflicts,
        }
        await self._db.insert(PLACES, orjson.dumps(place))
        self.position = position

    async def _standing(self, spans: Sequence[Span]) -> set[Id]:
        """Which of them are in the table, within the time that they span."""
        traces = {s.id[1] for s in spans}
        found = await self._db.query(
            f"SELECT DISTINCT space_id, trace_id, span_id FROM {self.table} WHERE {_among(spans)} "
            f"AND trace_id IN ({', '.join(map(literal, traces))})"
        )
        return {(str(r["space_id"]), r["trace_id"], r["span_id"]) for r in found}

    async def _conflicts(self, spans: Sequence[Span]) -> int:
        """How many of these, all of them in the table, say something else there."""
        count = 0
        for begin in range(0, len(spans), 500):
            some = spans[begin : begin + 500]
            ids = ", ".join(f"({literal(s.id[1])}, {literal(s.id[2])})" for s in some)
            rows = await self._db.query(
                f"SELECT {', '.join((*READ, *CONTENT))} FROM {self.table} WHERE {_among(some)} "
                f"AND trace_id IN ({', '.join(literal(t) for t in {s.id[1] for s in some})}) "
                f"AND (trace_id, span_id) IN ({ids})"
            )
            there = {(str(r["space_id"]), r["trace_id"], r["span_id"]): r for r in rows}
            count += sum(not same(there.get(s.id), orjson.loads(s.line)) for s in some)
        return count


def _read(batches: Iterable[Lines]) -> Iterable[Span]:
    for batch in batches:
        for each in batch.lines.split(b"\n") if batch.lines else ():
            head = _HEAD.match(each)
            if head is not None:
                trace_id, span_id, start = head.groups()
                yield Span((batch.space, trace_id.decode(), span_id.decode()), int(start), each, batch.position)


def _once(spans: Iterable[Span]) -> dict[Id, Span]:
    """The first of each."""
    found: dict[Id, Span] = {}
    for span in spans:
        found.setdefault(span.id, span)
    return found


def _differing(batches: Sequence[Lines], first: dict[Id, Span]) -> list[Span]:
    """Second copies among the batches themselves that are not the first one's."""
    if sum(b.lines.count(b"\n") + bool(b.lines) for b in batches) == len(first):
        return []
    return [s for s in _read(batches) if first[s.id].line != s.line]


def _copied(source: str, target: str, where: str) -> str:
    """Rows of one table into another, however long that takes."""
    columns = ", ".join(ALL)
    return f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source} {where} SETTINGS max_execution_time = 0"


def _rows(spans: Iterable[Span]) -> bytes:
    """Their lines with the position of each in SPANS."""
    return b"\n".join([b'{"seq":%d,' % span.position + span.line[1:] for span in spans])


def _among(spans: Sequence[Span]) -> str:
    spaces = ", ".join(sorted({str(int(s.id[0])) for s in spans}))
    starts: list[Any] = [s.start_time for s in spans]
    return f"space_id IN ({spaces}) AND start_time BETWEEN {min(starts)} AND {max(starts)}"
