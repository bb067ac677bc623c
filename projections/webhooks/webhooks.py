"""Which webhooks there are, and from where in the log on each of them is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, Table, func, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.webhooks import WebhookCreated, WebhookDeleted
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import json_of, micros, text_of

Row = Mapping[str, Any]


def columns() -> list[SchemaItem]:
    """One row a webhook; ``types`` a JSON list, ``position`` of its creation, ``deleted_at`` 0 while it is there."""
    return [
        Column("webhook_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("url", sql.LongText, nullable=False),
        Column("types", sql.LongText, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("created_by", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("deleted_at", sql.Micros, nullable=False),
        Index("by_space", "space_id", "deleted_at", "created_at"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a webhook changes."""
    create = sql.upsert(table, ["webhook_id"], ())
    delete = sql.change(table, ["webhook_id"], ["deleted_at"])

    def created(r: Recorded[WebhookCreated]) -> list[Change]:
        row = {
            "webhook_id": r.event.webhook_id,
            "space_id": r.stream.space,
            "url": text_of(r.event.url),
            "types": json_of(list(r.event.types)),
            "position": r.position,
            "created_by": r.meta.actor,
            "created_at": micros(r.meta.occurred_at),
            "deleted_at": 0,
        }
        return [(create, row)]

    def deleted(r: Recorded[WebhookDeleted]) -> list[Change]:
        return [(delete, {"k_webhook_id": r.event.webhook_id, "deleted_at": micros(r.meta.occurred_at)})]

    return {WebhookCreated: created, WebhookDeleted: deleted}


WEBHOOKS = ReadModel("webhooks", 1, columns, projector)


def get_webhook(conn: Connection, webhook_id: str) -> Row | None:
    """The webhook, None when there is none or it was deleted."""
    t = WEBHOOKS.live(conn)
    return _row(conn.execute(select(t).where(t.c.webhook_id == webhook_id, t.c.deleted_at == 0)).mappings().first())


def list_webhooks(conn: Connection, space_id: str) -> list[Row]:
    """The space's webhooks, oldest first."""
    t = WEBHOOKS.live(conn)
    found = select(t).where(t.c.space_id == space_id, t.c.deleted_at == 0).order_by(t.c.created_at, t.c.webhook_id)
    return [row for each in conn.execute(found).mappings() if (row := _row(each))]


def count_webhooks(conn: Connection, space_id: str) -> int:
    """How many webhooks the space has."""
    t = WEBHOOKS.live(conn)
    return conn.execute(
        select(func.count()).select_from(t).where(t.c.space_id == space_id, t.c.deleted_at == 0)
    ).scalar_one()


def all_webhooks(conn: Connection) -> list[Row]:
    """Every webhook of every space."""
    t = WEBHOOKS.live(conn)
    found = conn.execute(select(t).where(t.c.deleted_at == 0).order_by(t.c.webhook_id)).mappings()
    return [row for each in found if (row := _row(each))]


def known_webhooks(conn: Connection, webhook_ids: Sequence[str]) -> set[str]:
    """Those of the ids that were created and not deleted."""
    t = WEBHOOKS.live(conn)
    wanted = select(t.c.webhook_id).where(t.c.webhook_id.in_(list(webhook_ids)), t.c.deleted_at == 0)
    return set(conn.execute(wanted).scalars())


def _row(found: Any) -> Row | None:
    return None if found is None else {**found, "types": tuple(orjson.loads(found["types"]))}
