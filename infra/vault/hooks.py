"""Secrets of webhooks: needed again for every signature, so they are wrapped by the installation's key, not hashed."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, func, select

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.installation import InstallationKey, InstallationKeyUnusable
from infra.vault.keys import NONCE_BYTES
from infra.vault.tables import Tables, micros, run

PREFIX = "whsec_"
SECRET_BYTES = 32


class VaultHooks:
    """One secret a webhook: shown when it is made, read for signatures, gone with the webhook or its space."""

    def __init__(
        self, database: Database, tables: Tables, installation: InstallationKey, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._table = tables.hooks
        self._insert = sql.insert(self._table)
        self._remove = sql.remove(self._table, ["webhook_id"])
        self._wrap = AESGCM(installation.derive("wrapping of webhooks' secrets"))
        self._now = now

    async def add(self, webhook_id: str, space: str) -> str:
        """Makes the secret durable and returns it, as it is shown this once: ``whsec_`` and base64."""
        secret, nonce = os.urandom(SECRET_BYTES), os.urandom(NONCE_BYTES)
        wrapped = nonce + self._wrap.encrypt(nonce, secret, webhook_id.encode())
        row = {
            "webhook_id": webhook_id,
            "space_id": space,
            "wrapped": b64encode(wrapped).decode(),
            "created_at": micros(self._now()),
            "confirmed": 0,
        }
        await self._database.write(run, self._insert, row)
        return PREFIX + b64encode(secret).decode()

    async def get(self, webhook_id: str) -> bytes | None:
        """The secret's bytes, None when there is none."""
        wrapped = await self._database.read(self._wrapped, webhook_id)
        if wrapped is None:
            return None
        stored = b64decode(wrapped)
        try:
            return self._wrap.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], webhook_id.encode())
        except InvalidTag:
            raise InstallationKeyUnusable(f"the secret of webhook {webhook_id} is not this installation's") from None

    async def remove(self, webhook_id: str) -> None:
        """Forgets the secret."""
        await self._database.write(run, self._remove, {"k_webhook_id": webhook_id})

    async def remove_space(self, space: str) -> int:
        """Forgets every secret of a space; how many there were."""
        return await self._database.write(self._emptied, space)

    def _wrapped(self, conn: Connection, webhook_id: str) -> Any:
        t = self._table
        return conn.scalar(select(t.c.wrapped).where(t.c.webhook_id == webhook_id))

    def _emptied(self, conn: Connection, space: str) -> int:
        t = self._table
        found: int = conn.execute(select(func.count()).select_from(t).where(t.c.space_id == space)).scalar_one()
        conn.execute(delete(t).where(t.c.space_id == space))
        return found
