"""Accounts: what is personal of a user, the hash of the password, and one-time codes to set another."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.passwords import Passwords
from infra.vault.port import Person
from infra.vault.secrets import hashed
from infra.vault.sessions import VaultSessions
from infra.vault.tables import Tables, micros, run

CODE_BYTES = 15
CODE_LIVES = timedelta(hours=1)
PROFILE = frozenset({"nick_name", "description", "avatar"})
"""What of a person needs nobody else's consent; a name does."""


class VaultPeople:
    """People by user id. Whose an e-mail or a name is says the log (its reservation), not these tables."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        passwords: Passwords,
        sessions: VaultSessions,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._tables = tables
        self._passwords = passwords
        self._sessions = sessions
        self._now = now
        table, names = tables.people, tables.names
        self._insert = sql.insert(table)
        self._name_row = sql.upsert(names, ["user_id"], ())
        self._put_code = sql.upsert(tables.reset_codes, ["user_id"])
        name = func.coalesce(names.c.name, table.c.name).label("name")
        shown = (table.c.user_id, table.c.email, name, table.c.nick_name, table.c.avatar, table.c.description)
        joined = table.outerjoin(names, names.c.user_id == table.c.user_id)
        self._select = select(*shown).select_from(joined).where(table.c.user_id.in_(bindparam("ids", expanding=True)))
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
        t = self._tables
        await self._database.write(_delete_rows, (t.people, t.names, t.reset_codes, t.sessions), user_id)
        self._sessions.forget(user_id)

    async def get(self, user_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of the ids that are known."""
        wanted = sorted(set(user_ids))
        return await self._database.read(self._found, wanted) if wanted else {}

    async def change(self, user_id: str, values: Mapping[str, str], position: int) -> None:
        """Other values of nick_name, description, avatar and name, all or none.

        Of two names the one with the later ``position`` of its claim stays, in whatever order they come.
        """
        await self._database.write(self._change, user_id, dict(values), position)

    async def check_password(self, user_id: str, password: str) -> bool:
        """Whether it is this user's password; takes as long for an unknown user."""
        stored = await self._database.read(self._hash_of, user_id)
        return await self._passwords.matches(stored, password)

    async def set_password(self, user_id: str, password: str) -> None:
        """Another password from now on; every session of the user ends, and so does a one-time code."""
        password_hash = await self._passwords.hash(password)
        await self._database.write(self._set_password, user_id, password_hash, "")
        self._sessions.forget(user_id)

    async def new_code(self, user_id: str) -> tuple[str, datetime]:
        """A one-time code to set another password, and when it ends; an earlier one ends now. Stored as its hash."""
        now, secret = self._now(), b32encode(secrets.token_bytes(CODE_BYTES)).decode()
        row = {
            "user_id": user_id,
            "code_hash": hashed(secret),
            "created_at": micros(now),
            "expires_at": micros(now + CODE_LIVES),
        }
        await self._database.write(run, self._put_code, row)
        return "-".join(secret[i : i + 4] for i in range(0, len(secret), 4)), now + CODE_LIVES

    async def redeem(self, user_id: str, code: str, password: str) -> bool:
        """Sets another password with a one-time code, as `set_password`. False when the code is not the user's."""
        code_hash = hashed("".join(code.upper().replace("-", "").split()))
        if not await self._database.read(self._code_holds, user_id, code_hash):
            return False
        password_hash = await self._passwords.hash(password)
        if not await self._database.write(self._set_password, user_id, password_hash, code_hash):
            return False
        self._sessions.forget(user_id)
        return True

    def _found(self, conn: Connection, wanted: Sequence[str]) -> dict[str, Person]:
        found: dict[str, Person] = {}
        for start in range(0, len(wanted), 500):  # databases limit the parameters of a statement
            rows: Any = conn.execute(self._select, {"ids": wanted[start : start + 500]}).mappings()
            found |= {row["user_id"]: Person(**row) for row in rows}
        return found

    def _hash_of(self, conn: Connection, user_id: str) -> str | None:
        return conn.execute(self._select_hash, {"id": user_id}).scalar()

    def _change(self, conn: Connection, user_id: str, values: dict[str, str], position: int) -> None:
        people, names = self._tables.people, self._tables.names
        if plain := {k: v for k, v in values.items() if k in PROFILE}:
            conn.execute(update(people).where(people.c.user_id == user_id).values(plain))
        if (name := values.get("name")) is not None:
            conn.execute(self._name_row, {"user_id": user_id, "name": name, "position": position})
            older = (names.c.user_id == user_id) & (names.c.position < position)
            conn.execute(update(names).where(older).values(name=name, position=position))

    def _code_holds(self, conn: Connection, user_id: str, code_hash: str) -> bool:
        codes = self._tables.reset_codes
        return conn.execute(select(codes.c.user_id).where(self._this_code(user_id, code_hash))).first() is not None

    def _this_code(self, user_id: str, code_hash: str) -> Any:
        codes = self._tables.reset_codes
        mine = (codes.c.user_id == user_id) & (codes.c.code_hash == code_hash)
        return mine & (codes.c.expires_at > micros(self._now()))

    def _set_password(self, conn: Connection, user_id: str, password_hash: str, code_hash: str) -> bool:
        """Whether it was set. With a code: whoever deletes its row uses it, and nobody else."""
        people, codes = self._tables.people, self._tables.reset_codes
        if code_hash and conn.execute(delete(codes).where(self._this_code(user_id, code_hash))).rowcount != 1:
            return False
        conn.execute(update(people).where(people.c.user_id == user_id).values(password_hash=password_hash))
        _delete_rows(conn, (codes, self._tables.sessions), user_id)
        return True


def _delete_rows(conn: Connection, tables: Sequence[Any], user_id: str) -> None:
    for table in tables:
        conn.execute(delete(table).where(table.c.user_id == user_id))
