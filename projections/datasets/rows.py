"""Every row that a dataset ever held, with the revisions between which it was there.

A row is there at revision r when ``added <= r < removed``; the draft is what was never removed. So a version costs
nothing, and reads the same rows for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Table,
    and_,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.schema import SchemaItem

from events.datasets import (
    DatasetCleared,
    DatasetRowsAdded,
    DatasetRowsChanged,
    DatasetRowsImported,
    DatasetRowsRemoved,
)
from events.event import Erased, Event, Recorded
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros

Row = Mapping[str, Any]
NEVER = 2**63 - 1
"""``removed`` of a row that the draft holds."""


def columns() -> list[SchemaItem]:
    """One row for each content that an item had.

    ``ordinal`` is the item's place among all ever added and stays through changes. ``position`` and ``page_offset``
    say where in the log the content stands: the event, and the row within it. Times in microseconds.
    """
    return [
        Column("dataset_id", sql.Id, primary_key=True),
        Column("item_id", sql.Id, primary_key=True),
        Column("added", BigInteger, primary_key=True, autoincrement=False),
        Column("removed", BigInteger, nullable=False),
        Column("space_id", sql.Id, nullable=False),
        Column("ordinal", BigInteger, nullable=False),
        Column("item_key", sql.key(255), nullable=False),
        Column("schema_id", sql.Id, nullable=False),
        Column("content", sql.LongText, nullable=False),
        Column("hash", sql.key(64), nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("page_offset", Integer, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("updated_by", sql.key(64), nullable=False),
        Column("updated_at", sql.Micros, nullable=False),
        Index("by_key", "dataset_id", "item_key", "removed"),
        Index("by_ordinal", "dataset_id", "ordinal", "added", "removed", "item_id"),
        Index("by_item", "dataset_id", "item_id", "added", "removed", "hash"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """What each event of the content adds and closes. The event's version in its stream is the revision."""
    c = table.c
    add = sql.upsert(table, ["dataset_id", "item_id", "added"], ())
    close = (
        update(table)
        .where(sql.matching(table, "dataset_id", "item_id"), c.removed == NEVER)
        .values(removed=bindparam("removed", type_=c.removed.type))
    )
    close_all = (
        update(table)
        .where(sql.matching(table, "dataset_id"), c.removed == NEVER)
        .values(removed=bindparam("removed", type_=c.removed.type))
    )

    def page(r: Recorded[DatasetRowsAdded | DatasetRowsChanged | DatasetRowsImported]) -> Iterator[Change]:
        event = r.event
        if isinstance(event.rows, Erased):
            return
        always = {
            "dataset_id": event.dataset_id,
            "added": r.version,
            "removed": NEVER,
            "space_id": r.stream.space,
            "schema_id": event.schema_id,
            "position": r.position,
            "updated_by": r.meta.actor,
            "updated_at": micros(r.meta.occurred_at),
        }
        for offset, row in enumerate(event.rows):
            yield (
                add,
                {
                    **always,
                    "item_id": row.item_id,
                    "ordinal": row.ordinal,
                    "item_key": row.item_key,
                    "content": orjson.dumps(row.data, option=orjson.OPT_SORT_KEYS).decode(),
                    "hash": row.digest,
                    "page_offset": offset,
                    "created_by": row.created_by,
                    "created_at": row.created_at,
                },
            )

    def closed(r: Recorded[Any], item_ids: Iterable[str]) -> Iterator[Change]:
        for item_id in item_ids:
            yield close, {"k_dataset_id": r.event.dataset_id, "k_item_id": item_id, "removed": r.version}

    def changed(r: Recorded[DatasetRowsChanged]) -> Iterator[Change]:
        if not isinstance(r.event.rows, Erased):
            yield from closed(r, (row.item_id for row in r.event.rows))
            yield from page(r)

    def removed(r: Recorded[DatasetRowsRemoved]) -> Iterator[Change]:
        return closed(r, r.event.item_ids)

    def cleared(r: Recorded[DatasetCleared]) -> list[Change]:
        return [(close_all, {"k_dataset_id": r.event.dataset_id, "removed": r.version})]

    return {
        DatasetRowsAdded: page,
        DatasetRowsImported: page,
        DatasetRowsChanged: changed,
        DatasetRowsRemoved: removed,
        DatasetCleared: cleared,
    }


DATASET_ROWS = ReadModel("dataset_rows", 4, columns, projector)

ORDERS = {"updated_at": "added", "created_at": "ordinal", "item_id": "item_id"}
"""What rows may be ordered by, and the column that orders so: a stream's revisions rise with its times."""
Cursor = tuple[int | str, int]
"""The order's value and the ordinal of the last row seen."""


def version_rows(
    conn: Connection, dataset_id: str, revision: int | None, after: int = -1, limit: int = 100
) -> list[Row]:
    """The next ``limit`` rows at a revision (None = the draft), in the order in which their items were created.

    ``after`` is the ``ordinal`` of the last row seen, -1 to begin. Rows have every column; ``content`` is JSON.
    """
    t = DATASET_ROWS.live(conn)
    query = select(t).where(there(t, dataset_id, revision), t.c.ordinal > after)
    return list(conn.execute(query.order_by(t.c.ordinal).limit(limit)).mappings())


def version_page(conn: Connection, dataset_id: str, revision: int | None, offset: int, size: int) -> list[Row]:
    """``size`` rows at a revision (None = the draft) from ``offset``, in the order of `version_rows`."""
    return list_rows(conn, dataset_id, revision, "created_at", True, size, offset)


def version_items(conn: Connection, dataset_id: str, revision: int | None) -> list[tuple[str, int, int]]:
    """Item id, log position of its page and offset within it, of every row at a revision, in the same order."""
    t = DATASET_ROWS.live(conn)
    query = select(t.c.item_id, t.c.position, t.c.page_offset).where(there(t, dataset_id, revision))
    return [(item_id, position, offset) for item_id, position, offset in conn.execute(query.order_by(t.c.ordinal))]


def list_rows(
    conn: Connection,
    dataset_id: str,
    revision: int | None,
    order_by: str,
    ascending: bool,
    size: int,
    offset: int = 0,
    after: Cursor | None = None,
    leaving_out: Sequence[str] = (),
) -> list[Row]:
    """``size`` rows at a revision (None = the draft), from ``offset`` or after a cursor, which wins.

    ``order_by`` is a key of `ORDERS`. Keys come first, from an index alone, then their rows.
    """
    t = DATASET_ROWS.live(conn)
    by, tie = t.c[ORDERS[order_by]], t.c.ordinal
    where = [there(t, dataset_id, revision)]
    if leaving_out:
        where.append(t.c.item_id.not_in(list(leaving_out)))
    if after is not None:
        value, last = after
        ahead = and_(by == value, tie > last if ascending else tie < last)
        where.append(or_(by > value if ascending else by < value, ahead))
        offset = 0
    order = (by.asc(), tie.asc()) if ascending else (by.desc(), tie.desc())
    keys = select(t.c.item_id, t.c.added).where(*where).order_by(*order).limit(size).offset(offset).subquery()
    rows = (
        select(t)
        .join(keys, and_(t.c.item_id == keys.c.item_id, t.c.added == keys.c.added))
        .where(t.c.dataset_id == dataset_id)
    )
    return list(conn.execute(rows.order_by(*order)).mappings())


def get_rows(conn: Connection, dataset_id: str, revision: int | None, item_ids: Sequence[str]) -> list[Row]:
    """Those of the items that are there at a revision (None = the draft), in the order of the ids."""
    t = DATASET_ROWS.live(conn)
    query = select(t).where(there(t, dataset_id, revision), t.c.item_id.in_(list(item_ids)))
    found = {row["item_id"]: row for row in conn.execute(query).mappings()}
    return [found[i] for i in dict.fromkeys(item_ids) if i in found]


def rows_by_key(conn: Connection, dataset_id: str, revision: int | None, item_keys: Sequence[str]) -> list[Row]:
    """The rows there at a revision (None = the draft) that have one of the keys, without their content."""
    t = DATASET_ROWS.live(conn)
    return _known(conn, t, there(t, dataset_id, revision), t.c.item_key.in_(list(item_keys)))


def rows_between(conn: Connection, dataset_id: str, revision: int | None, first: str, last: str) -> list[Row]:
    """As `rows_by_key`, of the keys from one to another: for rising ids, which hardly ever are the keys of others."""
    t = DATASET_ROWS.live(conn)
    return _known(conn, t, there(t, dataset_id, revision), t.c.item_key.between(first, last))


def _known(conn: Connection, t: Table, *where: ColumnElement[bool]) -> list[Row]:
    wanted = [t.c[n] for n in ("item_id", "item_key", "ordinal", "hash", "created_by", "created_at")]
    return list(conn.execute(select(*wanted).where(*where).order_by(t.c.ordinal)).mappings())


def there(t: Table, dataset_id: str, revision: int | None) -> ColumnElement[bool]:
    """Whether a row of the table is a row of the dataset at a revision (None = the draft)."""
    if revision is None:
        return and_(t.c.dataset_id == dataset_id, t.c.removed == NEVER)
    return and_(t.c.dataset_id == dataset_id, t.c.added <= revision, t.c.removed > revision)
