"""Data keys: one per space and generation, wrapped by the installation key, a few thousand open in memory."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, delete, select

from events.event import GLOBAL_SPACE
from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.destroyed import DestroyedKeys
from infra.vault.installation import InstallationKey, InstallationKeyUnusable
from infra.vault.keys import NONCE_BYTES, KeyDestroyed, KeyMissing, SpaceKey
from infra.vault.tables import Tables, micros, run

DATA_KEY_BYTES = 32


class VaultKeyring:
    """Every space's key. That of the space ``_`` comes from the installation key and cannot be destroyed."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        installation: InstallationKey,
        now: Callable[[], datetime],
        listed: DestroyedKeys | None = None,
        size: int = 4096,
    ) -> None:
        self._database = database
        self._table = tables.data_keys
        self._gone = tables.destroyed_keys
        self._listed = listed
        self._bury = sql.upsert(self._gone, ["key_id"], ())
        self._insert = sql.upsert(self._table, ["key_id"], ())
        self._by_id = select(self._table).where(self._table.c.key_id == bindparam("wanted"))
        newest = self._table.c.generation.desc()
        self._newest = select(self._table).where(self._table.c.space == bindparam("wanted")).order_by(newest).limit(1)
        self._wrap = AESGCM(installation.derive("wrapping of data keys"))
        self._now = now
        self._size = size
        self._open: OrderedDict[str, SpaceKey] = OrderedDict()
        self._current: OrderedDict[str, SpaceKey] = OrderedDict()
        self._global = SpaceKey(f"{GLOBAL_SPACE}.1", installation.derive(f"data key of the space {GLOBAL_SPACE}"))

    async def of(self, space: str) -> SpaceKey:
        """The space's current key; raises KeyMissing when it has none, KeyDestroyed when it is gone for ever."""
        if at_hand := self.current(space):
            return at_hand
        row = await self._database.read(self._row, self._newest, space)
        if row is None:
            if await self._database.read(self._buried, self._gone.c.space == space):
                raise KeyDestroyed(f"the key of space {space} is gone")
            raise KeyMissing(f"space {space} has no data key")
        key = self._opened(row)
        _keep(self._current, space, key, self._size)
        return key

    async def by_id(self, key_id: str) -> SpaceKey | None:
        """The key, None when it has been destroyed; raises KeyMissing for one that this vault never held."""
        if at_hand := self.cached(key_id):
            return at_hand
        row = await self._database.read(self._row, self._by_id, key_id)
        if row is not None:
            return self._opened(row)
        if await self._database.read(self._buried, self._gone.c.key_id == key_id):
            return None
        raise KeyMissing(f"data key {key_id} is not in the vault: is this the vault that belongs to the log?")

    def current(self, space: str) -> SpaceKey | None:
        """The space's current key when it is at hand, without I/O."""
        return self._global if space == GLOBAL_SPACE else _touched(self._current, space)

    def cached(self, key_id: str) -> SpaceKey | None:
        """The key when it is at hand, without I/O."""
        return self._global if key_id == self._global.id else _touched(self._open, key_id)

    async def create(self, space: str) -> None:
        """Makes the space's first key durable; harmless when there is one, and when it has been destroyed."""
        if space == GLOBAL_SPACE:
            return
        key_id, nonce = f"{space}.1", os.urandom(NONCE_BYTES)
        wrapped = nonce + self._wrap.encrypt(nonce, os.urandom(DATA_KEY_BYTES), key_id.encode())
        row = {
            "key_id": key_id,
            "space": space,
            "generation": 1,
            "wrapped": b64encode(wrapped).decode(),
            "created_at": micros(self._now()),
            "destroyed_at": 0,
        }
        await self._database.write(self._born, space, row)

    async def digest(self, space: str, text: str) -> str:
        """32 hex digits: HMAC of the text under the space's key; raises KeyMissing."""
        key = self.current(space) or await self.of(space)
        return key.digest(text.encode())

    async def destroy(self, space: str) -> Sequence[str]:
        """Ends the space's keys and returns their ids: what was sealed under them opens to `Erased`, for ever.

        The ids are durable in the list outside of the vault first, so that no backup brings a key back. Harmless
        when it was done before. Another process may still hold the key in memory until it ends.
        """
        if space == GLOBAL_SPACE:
            raise ValueError("the installation's own key cannot be destroyed")
        ids = await self._database.read(self._ids_of, space)
        await self._end(dict.fromkeys(ids or [f"{space}.1"], micros(self._now())))
        return ids

    async def honour(self) -> None:
        """Ends what the list outside of the vault names, and writes down there what it does not."""
        if self._listed is not None:
            await self._end(self._listed.load())
            buried = await self.destroyed()
            await asyncio.to_thread(self._listed.add, {row["key_id"]: row["destroyed_at"] for row in buried})

    async def destroyed(self) -> Sequence[Mapping[str, Any]]:
        """Every destroyed key: ``key_id``, ``space``, ``destroyed_at`` in microseconds, ``finished`` 0 or 1."""
        return await self._database.read(self._rows, select(self._gone).order_by(self._gone.c.destroyed_at))

    async def finished(self, space: str) -> None:
        """Nothing is left of the space's content, and its end stands in the log."""
        done = sql.change(self._gone, ["space"], ["finished"])
        await self._database.write(run, done, {"k_space": space, "finished": 1})

    def forget(self, space: str) -> None:
        """Drops the space's keys from memory."""
        self._current.pop(space, None)
        for key_id in [k for k in self._open if k.rpartition(".")[0] == space]:
            del self._open[key_id]

    async def _end(self, destroyed: Mapping[str, int]) -> None:
        if not destroyed:
            return
        if self._listed is not None:
            await asyncio.to_thread(self._listed.add, destroyed)
        await self._database.write(self._remove, destroyed)
        for space in {key_id.rpartition(".")[0] for key_id in destroyed}:
            self.forget(space)

    def _remove(self, conn: Connection, destroyed: Mapping[str, int]) -> None:
        for key_id, at in destroyed.items():
            space = key_id.rpartition(".")[0]
            conn.execute(self._bury, {"key_id": key_id, "space": space, "destroyed_at": at, "finished": 0})
        conn.execute(delete(self._table).where(self._table.c.key_id.in_(list(destroyed))))

    def _born(self, conn: Connection, space: str, row: Mapping[str, Any]) -> None:
        if not self._buried(conn, self._gone.c.space == space):
            conn.execute(self._insert, row)

    def _buried(self, conn: Connection, which: Any) -> bool:
        return conn.execute(select(self._gone.c.key_id).where(which).limit(1)).first() is not None

    def _ids_of(self, conn: Connection, space: str) -> list[str]:
        both = (self._table, self._gone)
        found = [i for t in both for i in conn.execute(select(t.c.key_id).where(t.c.space == space)).scalars()]
        return list(dict.fromkeys(found))

    @staticmethod
    def _rows(conn: Connection, statement: Any) -> list[Any]:
        return list(conn.execute(statement).mappings())

    def _opened(self, row: Any) -> SpaceKey:
        key_id, wrapped = row["key_id"], b64decode(row["wrapped"])
        try:
            data_key = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode())
        except InvalidTag:
            raise InstallationKeyUnusable(f"data key {key_id} was not wrapped by this installation's key") from None
        key = SpaceKey(key_id, data_key)
        _keep(self._open, key_id, key, self._size)
        return key

    @staticmethod
    def _row(conn: Connection, statement: Any, wanted: str) -> Any:
        return conn.execute(statement, {"wanted": wanted}).mappings().first()


def _touched(lru: OrderedDict[str, SpaceKey], name: str) -> SpaceKey | None:
    key = lru.get(name)
    if key is not None:
        lru.move_to_end(name)
    return key


def _keep(lru: OrderedDict[str, SpaceKey], name: str, key: SpaceKey, size: int) -> None:
    lru[name] = key
    while len(lru) > size:
        lru.popitem(last=False)
