"""Accounts: what is personal of a user, and the hash of the password."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.passwords import Passwords
from infra.vault.port import Person
from infra.vault.sessions import VaultSessions
from infra.vault.tables import Tables, micros, run


class VaultPeople:
    """People by user id. Whose an e-mail is says the log (its reservation), not this table."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        passwords: Passwords,
        sessions: VaultSessions,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._now = now
        table = tables.people
        self._insert = sql.insert(table)
        self._remove = sql.remove(table, ["user_id"])
        self._set_password = sql.change(table, ["user_id"], ["password_hash"])
        shown = (table.c.user_id, table.c.email, table.c.name, table.c.nick_name, table.c.avatar, table.c.description)
        self._select = select(*shown).where(table.c.user_id.in_(bindparam("ids", expanding=True)))
        self._select_hash = select(table.c.password_hash).where(table.c.user_id == bindparam("id"))

    async def add(self, person: Person, password: str) -> None:
        """Stores the person and the password's Argon2id hash; an id is added once."""
        row = {
            "user_id": person.user_id,
            "email": person.email,
            "name": person.name,
            "nick_name": person.nick_name,
            "avatar": person.avatar,
            "description": person.description,
            "password_hash": await self._passwords.hash(password),
            "created_at": micros(self._now()),
            "confirmed": 0,
        }
        await self._database.write(run, self._insert, row)

    async def remove(self, user_id: str) -> None:
        """Forgets the person, and ends what they are signed in with."""
        await self._database.write(run, self._remove, {"k_user_id": user_id})
        await self._sessions.close_all(user_id)

    async def get(self, user_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of the ids that are known."""
        wanted = sorted(set(user_ids))
        return await self._database.read(self._found, wanted) if wanted else {}

    async def check_password(self, user_id: str, password: str) -> bool:
        """Whether it is this user's password; takes as long for an unknown user."""
        stored = await self._database.read(self._hash_of, user_id)
        return await self._passwords.matches(stored, password)

    async def set_password(self, user_id: str, password: str) -> None:
        """Another password from now on; every session of the user ends."""
        changed = {"k_user_id": user_id, "password_hash": await self._passwords.hash(password)}
        await self._database.write(run, self._set_password, changed)
        await self._sessions.close_all(user_id)

    def _found(self, conn: Connection, wanted: Sequence[str]) -> dict[str, Person]:
        found: dict[str, Person] = {}
        for start in range(0, len(wanted), 500):  # databases limit the parameters of a statement
            rows: Any = conn.execute(self._select, {"ids": wanted[start : start + 500]}).mappings()
            found |= {row["user_id"]: Person(**row) for row in rows}
        return found

    def _hash_of(self, conn: Connection, user_id: str) -> str | None:
        return conn.execute(self._select_hash, {"id": user_id}).scalar()
