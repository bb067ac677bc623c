"""What is due to webhooks and what could not be delivered: tables of their own, which no replay touches.

A delivery that was made leaves no row. The position is saved in the transaction that makes rows due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, delete, func, select, update

from cozeloop.subscribers.webhooks import Due
from infra.sql import dialect as sql

Row = Mapping[str, Any]
NAME = "webhooks"
DUE, UNDELIVERED = "due", "undelivered"
METADATA = MetaData()
DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("delivery_id", sql.key(32), primary_key=True),
    Column("webhook_id", sql.Id, nullable=False),
    Column("space_id", sql.Id, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("type", sql.key(128), nullable=False),
    Column("state", sql.key(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", sql.Micros, nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", sql.key(256), nullable=False),
    Column("created_at", sql.Micros, nullable=False),
    Index("webhook_deliveries_due", "state", "webhook_id", "next_at"),
    Index("webhook_deliveries_by_webhook", "webhook_id", "position"),
)
POSITIONS = Table(
    "subscriber_positions",
    METADATA,
    Column("name", sql.key(64), primary_key=True),
    Column("log_id", sql.key(64), nullable=False),
    Column("position", BigInteger, nullable=False),
)
_ADD = sql.upsert(DELIVERIES, ["delivery_id"], ())
_SAVE = sql.upsert(POSITIONS, ["name"])


def open_tables(conn: Connection, log_id: str, end: int) -> int:
    """Creates what is missing and returns the position to go on after.

    Where none is known for this log it is the log's end: what happened before nobody waits for, and a database that
    was made anew tells nobody the whole past again.
    """
    sql.create_table(conn, DELIVERIES)
    sql.create_table(conn, POSITIONS)
    found = conn.execute(select(POSITIONS).where(POSITIONS.c.name == NAME)).mappings().first()
    position = found["position"] if found and found["log_id"] == log_id and found["position"] <= end else end
    conn.execute(_SAVE, {"name": NAME, "log_id": log_id, "position": position})
    return int(position)


def save(conn: Connection, position: int, due: Sequence[Due], now: int) -> None:
    """Makes rows due, and the position with them; a row that is there already stays as it is."""
    for each in due:
        row = {
            "delivery_id": each.id,
            "webhook_id": each.hook,
            "space_id": each.space,
            "position": each.position,
            "type": each.type,
            "state": DUE,
            "attempts": 0,
            "next_at": now,
            "status": 0,
            "error": "",
            "created_at": now,
        }
        conn.execute(_ADD, row)
    conn.execute(update(POSITIONS).where(POSITIONS.c.name == NAME).values(position=position))


def take(conn: Connection, now: int, busy: Mapping[str, int], running: frozenset[str], each: int) -> list[Row]:
    """What is due now, ``each`` of a webhook at most with what is ``busy``: none waits for another's receiver."""
    t = DELIVERIES
    due = (t.c.state == DUE) & (t.c.next_at <= now)
    found: list[Row] = []
    for webhook_id in conn.execute(select(t.c.webhook_id).where(due).distinct()).scalars().all():
        room = each - busy.get(webhook_id, 0)
        if room > 0:
            wanted = select(t).where(due, t.c.webhook_id == webhook_id).order_by(t.c.next_at, t.c.position)
            rows = conn.execute(wanted.limit(room + len(running))).mappings()
            found += [row for row in rows if row["delivery_id"] not in running][:room]
    return found


def next_due(conn: Connection, now: int) -> int | None:
    """When something is due after now, None when nothing is."""
    t = DELIVERIES
    found: int | None = conn.scalar(select(func.min(t.c.next_at)).where(t.c.state == DUE, t.c.next_at > now))
    return found


def delivered(conn: Connection, delivery_id: str) -> None:
    """It has arrived."""
    conn.execute(delete(DELIVERIES).where(DELIVERIES.c.delivery_id == delivery_id))


def failed(conn: Connection, delivery_id: str, status: int, error: str, next_at: int | None) -> None:
    """One more attempt was in vain; without ``next_at`` it was the last."""
    t = DELIVERIES
    values = {"attempts": t.c.attempts + 1, "status": status, "error": error[:256]}
    values |= {"state": UNDELIVERED} if next_at is None else {"next_at": next_at}
    conn.execute(update(t).where(t.c.delivery_id == delivery_id).values(values))


def redeliver(conn: Connection, webhook_id: str, delivery_id: str, now: int) -> bool:
    """Due again from now on, with all its attempts; False when there is no such delivery."""
    t = DELIVERIES
    mine = (t.c.delivery_id == delivery_id) & (t.c.webhook_id == webhook_id)
    if conn.scalar(select(t.c.delivery_id).where(mine)) is None:
        return False
    conn.execute(update(t).where(mine).values(state=DUE, attempts=0, next_at=now))
    return True


def listed(conn: Connection, webhook_id: str, state: str, after: int, limit: int) -> list[Row]:
    """What was not delivered (yet), in the order of the log."""
    t = DELIVERIES
    wanted = select(t).where(t.c.webhook_id == webhook_id, t.c.position > after)
    wanted = wanted.where(t.c.state == state) if state else wanted
    return list(conn.execute(wanted.order_by(t.c.position).limit(limit)).mappings())


def counted(conn: Connection, state: str) -> int:
    """How many there are in a state."""
    found: int = conn.execute(select(func.count()).where(DELIVERIES.c.state == state)).scalar_one()
    return found


def removed(conn: Connection, webhook_id: str) -> None:
    """Nothing is due to it any more."""
    conn.execute(delete(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id))


def removed_space(conn: Connection, space: str) -> int:
    """Nothing of a space is due any more; how much was."""
    t = DELIVERIES
    sql.create_table(conn, t)
    found: int = conn.execute(select(func.count()).select_from(t).where(t.c.space_id == space)).scalar_one()
    conn.execute(delete(t).where(t.c.space_id == space))
    return found


def old(conn: Connection, before: int) -> None:
    """Forgets what was given up before a time."""
    t = DELIVERIES
    conn.execute(delete(t).where(t.c.state == UNDELIVERED, t.c.created_at < before))
