"""What may be asked of the table of spans. Every question names a space and a time.

A page is found by its keys first, in the table's own order, and only then read whole: a filter must not make the
engine read the contents of rows that are not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.clickhouse import ClickHouse
from projections.traces.table import CONTENT, READ, TABLE, literal

Row = Mapping[str, Any]
MODEL_TYPES = ("model", "LLMCall")


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before: start in microseconds, and span id."""

    start_time: int
    span_id: str


@dataclass(frozen=True)
class Window:
    """The spans of a space that began between two times, in microseconds, both included."""

    space: str
    start: int
    end: int

    @property
    def condition(self) -> str:
        """As SQL."""
        return f"space_id = {int(self.space)} AND start_time BETWEEN {int(self.start)} AND {int(self.end)}"


@dataclass(frozen=True)
class Page:
    """At most so many rows, newest first unless ``ascending``, behind a cursor."""

    limit: int
    cursor: Cursor | None = None
    ascending: bool = False
    content: bool = True


async def list_spans(db: ClickHouse, window: Window, condition: str, page: Page, table: str = TABLE) -> list[Row]:
    """A page of the spans that meet a condition of `projections.traces.filters` (empty = all)."""
    order = "ASC" if page.ascending else "DESC"
    asked = [window.condition, *([condition] if condition else [])]
    if page.cursor is not None:
        sign = ">" if page.ascending else "<"
        asked.append(
            f"(start_time, span_id) {sign} ({int(page.cursor.start_time)}, {literal(page.cursor.span_id)}) "
            f"AND start_time {sign}= {int(page.cursor.start_time)}"
        )
    keys = await db.query(
        f"SELECT start_time, span_id, trace_id FROM {table} WHERE {' AND '.join(asked)} "
        f"ORDER BY start_time {order}, span_id {order} LIMIT {int(page.limit)}"
    )
    return await _whole(db, window.space, keys, page.content, table)


async def read_trace(
    db: ClickHouse, window: Window, trace_id: str, page: Page, span_ids: Sequence[str] = ()
) -> list[Row]:
    """The spans of one trace, or those of them that are named."""
    condition = f"trace_id = {literal(trace_id)}"
    if span_ids:
        condition += f" AND span_id IN ({', '.join(map(literal, span_ids))})"
    return await list_spans(db, window, condition, page)


async def trace_tokens(db: ClickHouse, window: Window, trace_id: str) -> tuple[int, int]:
    """Input and output tokens of a trace's calls of models."""
    types = ", ".join(map(literal, MODEL_TYPES))
    [row] = await db.query(
        f"SELECT sum(input_tokens) AS input, sum(output_tokens) AS output FROM {TABLE} "
        f"WHERE {window.condition} AND trace_id = {literal(trace_id)} AND span_type IN ({types})"
    )
    return int(row["input"]), int(row["output"])


async def count_spans(db: ClickHouse, table: str = TABLE) -> int:
    """Rows of the table."""
    return int((await db.query(f"SELECT count() AS n FROM {table}"))[0]["n"])


async def engine_version(db: ClickHouse) -> str:
    """Of ClickHouse."""
    return await db.version()


async def _whole(db: ClickHouse, space: str, keys: Sequence[Row], content: bool, table: str) -> list[Row]:
    """The rows of keys, in their order."""
    if not keys:
        return []
    wanted = {(k["start_time"], k["span_id"], k["trace_id"]): None for k in keys}
    columns = ", ".join((*READ, *CONTENT) if content else READ)
    starts = ", ".join(str(int(s)) for s in sorted({k["start_time"] for k in keys}))
    tuples = ", ".join(f"({int(s)}, {literal(i)}, {literal(t)})" for s, i, t in wanted)
    rows = await db.query(
        f"SELECT {columns} FROM {table} WHERE space_id = {int(space)} AND start_time IN ({starts}) "
        f"AND (start_time, span_id, trace_id) IN ({tuples})"
    )
    found = {(r["start_time"], r["span_id"], r["trace_id"]): r for r in rows}
    return [found[key] for key in wanted if key in found]
