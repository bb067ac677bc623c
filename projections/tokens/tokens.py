"""Which personal access tokens the log knows: what the vault's rows are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.schema import SchemaItem

from events.event import Event, Recorded
from events.tokens import TokenCreated, TokenRevoked
from infra.sql import dialect as sql
from projections.projector import Change, Project, ReadModel
from projections.reading import micros


def columns() -> list[SchemaItem]:
    """One row a token; times in microseconds, ``revoked_at`` 0 while it is good."""
    return [
        Column("token_id", sql.Id, primary_key=True),
        Column("user_id", sql.Id, nullable=False),
        Column("expire_at", sql.Micros, nullable=False),
        Column("created_at", sql.Micros, nullable=False),
        Column("revoked_at", sql.Micros, nullable=False),
    ]


def projector(table: Table) -> Mapping[type[Event], Project]:
    """The row that each event of a token changes."""
    create = sql.upsert(table, ["token_id"], ())
    revoke = sql.change(table, ["token_id"], ["revoked_at"])

    def created(r: Recorded[TokenCreated]) -> list[Change]:
        return [(create, r.event.model_dump() | {"created_at": micros(r.meta.occurred_at), "revoked_at": 0})]

    def revoked(r: Recorded[TokenRevoked]) -> list[Change]:
        return [(revoke, {"k_token_id": r.event.token_id, "revoked_at": micros(r.meta.occurred_at)})]

    return {TokenCreated: created, TokenRevoked: revoked}


TOKENS = ReadModel("tokens", 1, columns, projector, of_space=None)


def good_tokens(conn: Connection, token_ids: Sequence[str]) -> set[str]:
    """Those of the ids that were created and not revoked."""
    t = TOKENS.live(conn)
    wanted = select(t.c.token_id).where(t.c.token_id.in_(list(token_ids)), t.c.revoked_at == 0)
    return set(conn.execute(wanted).scalars())
