"""Signed-in browsers. The cookie holds a random secret; the vault holds its hash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.secrets import Grant, Grants, hashed, new_secret
from infra.vault.tables import Tables, micros, moment, run

LIFETIME = timedelta(days=7)


class VaultSessions:
    """Sessions by the secret in the cookie; each lives seven days unless it is ended before."""

    def __init__(self, database: Database, tables: Tables, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._grants = Grants(now)
        table = tables.sessions
        self._insert = sql.insert(table)
        self._remove = sql.remove(table, ["secret_hash"])
        self._remove_all = sql.remove(table, ["user_id"])
        self._remove_expired = delete(table).where(table.c.expires_at <= bindparam("until"))
        self._select = select(table.c.user_id, table.c.expires_at).where(table.c.secret_hash == bindparam("hash"))

    async def open(self, user_id: str) -> tuple[str, datetime]:
        """A new session's cookie value and its expiry."""
        secret, now = new_secret(), self._now()
        row = {
            "secret_hash": hashed(secret),
            "user_id": user_id,
            "created_at": micros(now),
            "expires_at": micros(now + LIFETIME),
        }
        await self._database.write(run, self._insert, row)
        return secret, now + LIFETIME

    async def user_of(self, cookie: str) -> str | None:
        """The user of a live session."""
        digest = hashed(cookie)
        if grant := self._grants.find(digest):
            return grant.user_id
        epoch, now = self._grants.epoch, self._now()
        found = await self._database.read(self._look_up, digest)
        if found is None or moment(found[1]) <= now:
            return None
        grant = Grant(digest, found[0], moment(found[1]), now)
        self._grants.remember(digest, grant, epoch)
        return grant.user_id

    async def close(self, cookie: str) -> None:
        """Ends the session; harmless when there is none."""
        digest = hashed(cookie)
        await self._database.write(run, self._remove, {"k_secret_hash": digest})
        self._grants.revoke(lambda held, _: held == digest)

    async def close_all(self, user_id: str) -> None:
        """Ends every session of the user."""
        await self._database.write(run, self._remove_all, {"k_user_id": user_id})
        self.forget(user_id)

    def forget(self, user_id: str) -> None:
        """For whoever removed the rows of the user's sessions together with something else."""
        self._grants.revoke(lambda _, grant: grant.user_id == user_id)

    async def sweep(self) -> None:
        """Removes the rows of sessions that have expired."""
        await self._database.write(run, self._remove_expired, {"until": micros(self._now())})

    def _look_up(self, conn: Connection, digest: str) -> tuple[str, int] | None:
        row = conn.execute(self._select, {"hash": digest}).first()
        return None if row is None else (row.user_id, row.expires_at)
