"""The vault's tables. No log can rebuild them: they are in the backup, and `replay` never touches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Executable, Index, Integer, MetaData, Table

from infra.sql import dialect as sql

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The aware time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def run(conn: Connection, statement: Executable, parameters: Mapping[str, Any]) -> None:
    """Executes a statement whose result nobody needs."""
    conn.execute(statement, parameters)


@dataclass(frozen=True)
class Tables:
    """One set of table values. Each open vault has its own: a dialect leaves its marks on them."""

    facts: Table
    data_keys: Table
    destroyed_keys: Table
    people: Table
    names: Table
    reset_codes: Table
    sessions: Table
    tokens: Table
    hooks: Table

    def __iter__(self) -> Iterator[Table]:
        return (getattr(self, f.name) for f in fields(self))

    def create(self, conn: Connection) -> None:
        """Creates what is missing."""
        for table in self:
            sql.create_table(conn, table)


def vault_tables() -> Tables:
    """Fresh tables. Times are microseconds since 1970, but a token's facts are unix seconds, as they are shown.

    ``confirmed`` (people, tokens, hooks): the event that belongs to the row has been seen. A row comes before its
    event, so that nobody exists without a name; what is still unconfirmed after an hour is swept unless its event is
    found. ``people_names`` holds the names that people chose, each with the log's position of its claim.
    """
    meta = MetaData()
    return Tables(
        facts=Table(
            "installation_facts",
            meta,
            Column("name", sql.key(64), primary_key=True),
            Column("value", sql.key(256), nullable=False),
        ),
        data_keys=Table(
            "data_keys",
            meta,
            Column("key_id", sql.key(64), primary_key=True),
            Column("space", sql.key(20), nullable=False),
            Column("generation", Integer, nullable=False),
            Column("wrapped", sql.key(256), nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("destroyed_at", sql.Micros, nullable=False),
            Index("data_keys_by_space", "space", "generation"),
        ),
        destroyed_keys=Table(
            "destroyed_keys",
            meta,
            Column("key_id", sql.key(64), primary_key=True),
            Column("space", sql.key(20), nullable=False),
            Column("destroyed_at", sql.Micros, nullable=False),
            Column("finished", Integer, nullable=False),
            Index("destroyed_keys_by_space", "space"),
        ),
        people=Table(
            "people",
            meta,
            Column("user_id", sql.Id, primary_key=True),
            Column("email", sql.key(320), nullable=False),
            Column("name", sql.key(128), nullable=False),
            Column("nick_name", sql.key(512), nullable=False),
            Column("avatar", sql.LongText, nullable=False),
            Column("description", sql.LongText, nullable=False),
            Column("password_hash", sql.key(256), nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("confirmed", Integer, nullable=False),
            Index("people_unconfirmed", "confirmed", "created_at"),
        ),
        names=Table(
            "people_names",
            meta,
            Column("user_id", sql.Id, primary_key=True),
            Column("name", sql.key(128), nullable=False),
            Column("position", sql.Micros, nullable=False),
        ),
        reset_codes=Table(
            "reset_codes",
            meta,
            Column("user_id", sql.Id, primary_key=True),
            Column("code_hash", sql.key(64), nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("expires_at", sql.Micros, nullable=False),
        ),
        sessions=Table(
            "sessions",
            meta,
            Column("secret_hash", sql.key(64), primary_key=True),
            Column("user_id", sql.Id, nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("expires_at", sql.Micros, nullable=False),
            Index("sessions_by_user", "user_id"),
            Index("sessions_by_expiry", "expires_at"),
        ),
        tokens=Table(
            "tokens",
            meta,
            Column("token_id", sql.Id, primary_key=True),
            Column("secret_hash", sql.key(64), nullable=False),
            Column("user_id", sql.Id, nullable=False),
            Column("name", sql.key(256), nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("updated_at", sql.Micros, nullable=False),
            Column("last_used_at", sql.Micros, nullable=False),
            Column("expire_at", sql.Micros, nullable=False),
            Column("confirmed", Integer, nullable=False),
            Index("tokens_by_hash", "secret_hash", unique=True),
            Index("tokens_by_user", "user_id", "created_at"),
            Index("tokens_unconfirmed", "confirmed", "created_at"),
        ),
        hooks=Table(
            "hooks",
            meta,
            Column("webhook_id", sql.Id, primary_key=True),
            Column("space_id", sql.Id, nullable=False),
            Column("wrapped", sql.key(256), nullable=False),
            Column("created_at", sql.Micros, nullable=False),
            Column("confirmed", Integer, nullable=False),
            Index("hooks_unconfirmed", "confirmed", "created_at"),
        ),
    )
