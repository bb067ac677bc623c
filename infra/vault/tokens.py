"""Personal access tokens: ``clp_`` and 32 random bytes, stored as a hash, checked on every call of an SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.port import TokenFacts
from infra.vault.secrets import Grant, Grants, hashed, new_secret
from infra.vault.tables import Tables, micros, moment, run

PREFIX = "clp_"
LONGEST = 128
NEVER = -1
SECOND = 1_000_000
Page = tuple[list[TokenFacts], int]
USE_NOTED = timedelta(minutes=1)
"""How often a token's last use is written down."""


class VaultTokens:
    """Tokens by id for their owner, by secret for whoever calls with one."""

    def __init__(self, database: Database, tables: Tables, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._grants = Grants(now)
        self._noted: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()
        t = tables.tokens
        self._insert = sql.insert(t)
        self._remove = sql.remove(t, ["token_id"])
        self._rename = sql.change(t, ["token_id"], ["name", "updated_at"])
        self._note = (
            update(t)
            .where(t.c.token_id == bindparam("id"), t.c.last_used_at < bindparam("at"))
            .values(last_used_at=bindparam("at"))
        )
        self._by_hash = select(t).where(t.c.secret_hash == bindparam("hash"))
        self._by_id = select(t).where(t.c.token_id == bindparam("id"))
        self._owned = select(t).where(t.c.user_id == bindparam("user"))
        self._newest_first = self._owned.order_by(t.c.created_at.desc(), t.c.token_id.desc())
        self._count = select(func.count()).select_from(t).where(t.c.user_id == bindparam("user"))

    async def add(self, facts: TokenFacts) -> str:
        """Stores the token's hash and returns the token, which is never shown again."""
        token = new_secret(PREFIX)
        row = {
            "token_id": facts.id,
            "secret_hash": hashed(token),
            "user_id": facts.user_id,
            "name": facts.name,
            "created_at": facts.created_at * SECOND,
            "updated_at": facts.updated_at * SECOND,
            "last_used_at": 0,
            "expire_at": facts.expire_at * SECOND,
            "confirmed": 0,
        }
        await self._database.write(run, self._insert, row)
        return token

    async def user_of(self, token: str) -> str | None:
        """The owner of a valid token; notes the use, at most once a minute and without waiting for it."""
        if not token.startswith(PREFIX) or len(token) > LONGEST:
            return None
        digest = hashed(token)
        grant = self._grants.find(digest) or await self._look_up(digest)
        if grant is None:
            return None
        now = self._now()
        noted = self._noted.get(grant.id)
        if noted is None or now - noted >= USE_NOTED:
            self._noted[grant.id] = now
            task = asyncio.create_task(self._note_use(grant.id, now))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)
        return grant.user_id

    async def get(self, token_id: str) -> TokenFacts | None:
        """The token's facts, None when unknown or removed."""
        row = await self._database.read(self._row, self._by_id, {"id": token_id})
        return None if row is None else _facts(row)

    async def list(self, user_id: str, limit: int, offset: int) -> Page:
        """A page of a user's tokens, newest first, and their number."""
        return await self._database.read(self._page, user_id, limit, offset)

    async def rename(self, token_id: str, name: str, now: int) -> None:
        """Changes the name shown; ``now`` in unix seconds."""
        renamed = {"k_token_id": token_id, "name": name, "updated_at": now * SECOND}
        await self._database.write(run, self._rename, renamed)

    async def remove(self, token_id: str) -> None:
        """The token is refused from now on: at once in this process, within two seconds in others."""
        await self._database.write(run, self._remove, {"k_token_id": token_id})
        self._grants.revoke(lambda _, grant: grant.id == token_id)
        self._noted.pop(token_id, None)

    async def settle(self) -> None:
        """Waits until every use seen so far has been written down."""
        while self._notes:
            await asyncio.gather(*self._notes, return_exceptions=True)

    async def _look_up(self, digest: str) -> Grant | None:
        epoch, now = self._grants.epoch, self._now()
        row = await self._database.read(self._row, self._by_hash, {"hash": digest})
        if row is None or moment(row["expire_at"]) <= now:
            return None
        grant = Grant(row["token_id"], row["user_id"], moment(row["expire_at"]), now)
        self._grants.remember(digest, grant, epoch)
        return grant

    async def _note_use(self, token_id: str, at: datetime) -> None:
        await self._database.write(run, self._note, {"id": token_id, "at": micros(at)})

    def _page(self, conn: Connection, user_id: str, limit: int, offset: int) -> Page:
        rows = conn.execute(self._newest_first.limit(limit).offset(offset), {"user": user_id}).mappings()
        return [_facts(row) for row in rows], conn.execute(self._count, {"user": user_id}).scalar_one()

    @staticmethod
    def _row(conn: Connection, statement: Any, parameters: dict[str, str]) -> Any:
        return conn.execute(statement, parameters).mappings().first()


def _facts(row: Any) -> TokenFacts:
    return TokenFacts(
        id=row["token_id"],
        user_id=row["user_id"],
        name=row["name"],
        created_at=row["created_at"] // SECOND,
        updated_at=row["updated_at"] // SECOND,
        last_used_at=row["last_used_at"] // SECOND if row["last_used_at"] else NEVER,
        expire_at=row["expire_at"] // SECOND,
    )
