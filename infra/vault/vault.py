"""The vault whole: opened, matched with its installation key, swept, closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, select, update

from infra.sql import dialect as sql
from infra.sql.database import Database
from infra.vault.destroyed import DestroyedKeys
from infra.vault.hooks import VaultHooks
from infra.vault.installation import InstallationKey, InstallationKeyUnusable
from infra.vault.keyring import VaultKeyring
from infra.vault.passwords import Passwords
from infra.vault.people import VaultPeople
from infra.vault.sessions import VaultSessions
from infra.vault.tables import Tables, micros, vault_tables
from infra.vault.tokens import VaultTokens

FINGERPRINT = "installation key"
ORPHANED_AFTER = timedelta(hours=1)
AT_ONCE = 500

Known = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Those of the ids that the log knows of, as of its end when the call began."""


@dataclass(frozen=True)
class Vault:
    """The adapters behind the ports `Keys` and `Keyring`, `People`, `Sessions` and `Tokens`."""

    keys: VaultKeyring
    people: VaultPeople
    sessions: VaultSessions
    tokens: VaultTokens
    hooks: VaultHooks
    database: Database
    tables: Tables
    passwords: Passwords
    now: Callable[[], datetime]

    async def sweep(self, users: Known, tokens: Known, webhooks: Known) -> int:
        """Removes expired sessions, and rows whose event never came; returns how many of the latter.

        A row is looked at an hour after it was made, and once found in the log never again, unless that was rewound.
        """
        await self.sessions.sweep()
        before = micros(self.now() - ORPHANED_AFTER)
        swept = 0
        for table, key, known, remove in (
            (self.tables.people, "user_id", users, self.people.remove),
            (self.tables.tokens, "token_id", tokens, self.tokens.remove),
            (self.tables.hooks, "webhook_id", webhooks, self.hooks.remove),
        ):
            while ids := await self.database.read(_unconfirmed, table, key, before):
                found = set(await known(ids))
                await self.database.write(_confirm, table, key, sorted(found.intersection(ids)))
                for orphan in (i for i in ids if i not in found):
                    await remove(orphan)
                    swept += 1
        return swept

    async def rewind(self, position: int) -> None:
        """The log ends at an earlier position now: every row is looked for in it again, and its later names win."""
        await self.database.write(_rewind, self.tables, position)

    async def holds_keys(self) -> bool:
        """Whether any space ever had a key here; a log with content has a vault with keys."""
        return await self.database.read(_holds_keys, self.tables)

    async def scrub(self) -> None:
        """What was deleted is nowhere in the vault's own files."""
        await self.database.scrub()

    async def close(self) -> None:
        """Writes down what is outstanding and gives database and threads back."""
        await self.tokens.settle()
        self.passwords.close()
        await self.database.close()


async def open_vault(
    database: Database,
    installation: InstallationKey,
    now: Callable[[], datetime],
    destroyed: DestroyedKeys | None = None,
) -> Vault:
    """The vault in this database, created when it is empty; keys that ``destroyed`` names are ended first.

    Raises InstallationKeyUnusable when it was made with another installation key, DestroyedKeysUnreadable.
    """
    tables = vault_tables()
    stored = await database.write(_prepare, tables, installation.fingerprint)
    if stored != installation.fingerprint:
        raise InstallationKeyUnusable(
            "the vault was made with another installation key: restore installation.key and the vault from one backup"
        )
    passwords = Passwords()
    sessions = VaultSessions(database, tables, now)
    keys = VaultKeyring(database, tables, installation, now, destroyed)
    await keys.honour()
    return Vault(
        keys=keys,
        people=VaultPeople(database, tables, passwords, sessions, now),
        sessions=sessions,
        tokens=VaultTokens(database, tables, now),
        hooks=VaultHooks(database, tables, installation, now),
        database=database,
        tables=tables,
        passwords=passwords,
        now=now,
    )


def _prepare(conn: Connection, tables: Tables, fingerprint: str) -> str:
    tables.create(conn)
    facts = tables.facts
    conn.execute(sql.upsert(facts, ["name"], ()), {"name": FINGERPRINT, "value": fingerprint})
    return str(conn.execute(select(facts.c.value).where(facts.c.name == FINGERPRINT)).scalar_one())


def _holds_keys(conn: Connection, tables: Tables) -> bool:
    both = (tables.data_keys, tables.destroyed_keys)
    return any(conn.execute(select(t.c.key_id).limit(1)).first() is not None for t in both)


def _unconfirmed(conn: Connection, table: Table, key: str, before: int) -> list[str]:
    statement = select(table.c[key]).where(table.c.confirmed == 0, table.c.created_at < before)
    return list(conn.execute(statement.order_by(table.c[key]).limit(AT_ONCE)).scalars())


def _confirm(conn: Connection, table: Table, key: str, ids: Sequence[str]) -> None:
    if ids:
        conn.execute(update(table).where(table.c[key].in_(list(ids))).values(confirmed=1))


def _rewind(conn: Connection, tables: Tables, position: int) -> None:
    for table in (tables.people, tables.tokens, tables.hooks):
        conn.execute(update(table).values(confirmed=0))
    names = tables.names
    conn.execute(update(names).where(names.c.position > position).values(position=position))
