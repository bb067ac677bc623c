"""Which users there are, and whose an e-mail is. Nothing personal: the e-mail is a keyed digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Connection, Index, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.users import UserRegistered
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros


def columns() -> list[SchemaItem]:
    """One row a user; ``created_at`` in microseconds."""
    return [
        Column("user_id", sql.Id, primary_key=True),
        Column("space_id", sql.Id, nullable=False),
        Column("email_reservation", sql.key(64), nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Index("by_email", "email_reservation"),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a user changes."""
    register = sql.upsert(table, ["user_id"], ())

    def registered(r: Recorded[UserRegistered]) -> list[Change]:
        return [(register, r.event.model_dump() | {"created_at": micros(r.meta.occurred_at)})]

    return {UserRegistered: registered}


USERS = ReadModel("users", 1, columns, projector, of_space=None)


def user_of_email(conn: Connection, email_reservation: str) -> str | None:
    """The user who registered with the e-mail behind this digest."""
    t = USERS.live(conn)
    return conn.execute(select(t.c.user_id).where(t.c.email_reservation == email_reservation)).scalar()


def known_users(conn: Connection, user_ids: Sequence[str]) -> set[str]:
    """Those of the ids that have registered."""
    t = USERS.live(conn)
    return set(conn.execute(select(t.c.user_id).where(t.c.user_id.in_(list(user_ids)))).scalars())
