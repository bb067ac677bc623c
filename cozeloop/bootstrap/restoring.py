"""A data directory made of a backup: built beside its place, verified, and switched in when it is right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Table, select

from cozeloop.backup.archive import ArchiveUnusable, Reading, opened, pieces
from cozeloop.backup.making import EVENTS, LEFT_OUT
from cozeloop.backup.manifest import MANIFEST, Manifest, decoded
from cozeloop.bootstrap.rewinding import ending
from infra import clock
from infra.disk import sync_all
from infra.eventstore.anchor import ANCHOR_FILE, PURPOSE, Anchor, AnchorFile
from infra.eventstore.connection import reading
from infra.eventstore.guard import FOLLOWS
from infra.eventstore.inventory import Inventory
from infra.eventstore.reading import Reader
from infra.eventstore.verify import Verification, verify
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.snapshots import put_back
from infra.messaging.streams import Client, connect
from infra.objects import FileObjects
from infra.objects.port import Objects
from infra.sql import dialect as sql
from infra.sql import open_database
from infra.vault.destroyed import DESTROYED_FILE, DestroyedKeys
from infra.vault.installation import KEY_FILE, InstallationKey, installation_key
from infra.vault.tables import vault_tables
from infra.vault.vault import open_vault

ROWS_AT_ONCE = 500
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Restore:
    """What is restored to where. ``keys``: the folder with installation.key and destroyed.keys.

    ``forgotten``: the list of destroyed keys is lost, and a destroyed space may come back. ``replace``: what is at
    ``data_dir`` is moved aside, and gives the keys unless ``keys`` names others. ``position`` or ``time``: the last of
    the log that is wanted, inclusive; a batch that it cuts is left out.
    """

    source: Path
    data_dir: Path
    keys: Path | None = None
    vault_url: str = ""
    objects_url: str = ""
    replace: bool = False
    forgotten: bool = False
    position: int | None = None
    time: datetime | None = None

    async def run(self) -> AsyncIterator[Line]:
        """Yields ``{"part", …}`` after each part, ``final`` at the end; raises ArchiveUnusable, DataDirInUse.

        Whatever it raises: what was at ``data_dir`` is there as before, and nothing else is left, but for what had come
        into a vault on a server and a bucket: they are to be emptied before it is tried again.
        """
        archive = await asyncio.to_thread(opened, self.source)
        occupied = self.data_dir.exists() and (not self.data_dir.is_dir() or any(self.data_dir.iterdir()))
        if occupied and not self.replace:
            raise ArchiveUnusable(f"{self.data_dir} is not empty: name another directory, or say --replace")
        lock = DataDirLock(self.data_dir).acquire() if occupied else None
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{self.data_dir.name}.restoring-", dir=self.data_dir.parent))
        try:
            key = self._keys(archive, beside)
            with archive.open(MANIFEST) as file:
                manifest = decoded(file.read(), key)
            report: Verification | None = None
            async for line in _filled(archive, manifest, beside, key, self):
                report = line.pop("report", None) or report
                yield line
            assert report is not None
            aside = await asyncio.to_thread(self._switch, beside, occupied)
        finally:
            await asyncio.to_thread(shutil.rmtree, beside, True)
            if lock is not None:
                lock.release()
        yield {"part": "switched", "final": True, "position": report.done, "digest": report.digest, "aside": aside}

    def _keys(self, archive: Reading, beside: Path) -> InstallationKey:
        """Puts the installation key and the list of destroyed keys in place."""
        folder = self.keys or self.data_dir
        if (folder / KEY_FILE).is_file():
            secret = (folder / KEY_FILE).read_bytes()
        else:
            try:
                with archive.open(KEY_FILE) as file:
                    secret = file.read()
            except ArchiveUnusable:
                raise ArchiveUnusable(
                    f"{folder} has no {KEY_FILE}, nor has the backup: name the folder of its copy with --keys"
                ) from None
        path = beside / KEY_FILE
        with open(path, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        key = installation_key(beside)
        listed = folder / DESTROYED_FILE
        if not listed.is_file():
            if not self.forgotten:
                raise ArchiveUnusable(
                    f"{folder} has no {DESTROYED_FILE}: without that list a space whose key was destroyed could come"
                    " back. Put it there, or say --without-destroyed-keys"
                )
            return key
        DestroyedKeys(listed, key.derive("destroyed keys")).load()
        shutil.copyfile(listed, beside / DESTROYED_FILE)
        return key

    def _switch(self, beside: Path, occupied: bool) -> str:
        """What was there goes aside, the new directory takes its place; returns where the old one is."""
        aside = ""
        if occupied:
            old = self.data_dir.with_name(f"{self.data_dir.name}.before-{clock.now():%Y%m%dT%H%M%S}")
            self.data_dir.rename(old)
            aside = str(old)
        elif self.data_dir.exists():
            self.data_dir.rmdir()
        beside.rename(self.data_dir)
        folder = os.open(self.data_dir.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return aside


async def _filled(
    archive: Reading, manifest: Manifest, beside: Path, key: InstallationKey, wanted: Restore
) -> AsyncIterator[dict[str, Any]]:
    """Fills a directory and verifies it."""
    objects = await _opened(wanted.objects_url, beside)
    names = [name.removeprefix("objects/") for name in manifest.parts if name.startswith("objects/")]
    for name in names:
        part = f"objects/{name}"
        await objects.store(name, _blocks(pieces(archive, part, manifest.parts[part])))
    yield {"part": f"{len(names)} objects"}
    database = open_database(wanted.vault_url or f"sqlite:///{beside / 'vault.db'}", full_sync=True)
    try:
        tables = vault_tables()
        for table in tables:
            part = f"vault/{table.name}"
            if part in manifest.parts and table.name not in LEFT_OUT:
                rows = b"".join(pieces(archive, part, manifest.parts[part])).splitlines()
                await database.write(_insert, table, [orjson.loads(row) for row in rows])
                yield {"part": f"vault {table.name}: {len(rows)} rows"}
        listed = DestroyedKeys(beside / DESTROYED_FILE, key.derive("destroyed keys"))
        vault = await open_vault(database, key, clock.now, listed)
        witness: Anchor = replace(manifest.witness, log_id=secrets.token_hex(16))
        async with NatsServer(beside / "nats", synced=False) as server:
            async for line in _streams(archive, manifest, server, witness.log_id):
                yield line
            async with _reader(server) as reader:
                end = await ending(reader, witness, wanted.position, wanted.time)
        await asyncio.to_thread(end.cut, beside / "nats")
        async with NatsServer(beside / "nats", synced=False) as server, _reader(server) as reader:
            admin = await connect(server.url, server.admin)
            if told := await end.tell(reader, admin):
                yield {"part": told}
            await admin.close()
            async for report in verify(reader, end.witness, objects=Inventory(objects, vault.keys)):
                yield {"part": "verify", "done": report.done, "total": report.total}
        if end.time is not None:
            await vault.rewind(end.last)
        vault.passwords.close()
    finally:
        await database.close()
    if report.done != end.last:
        report.lost(f"the log ends at {report.done} instead of {end.last}")
    if not report.clean:
        raise ArchiveUnusable(f"the backup is not whole, nothing was switched: {'; '.join(report.problems[:3])}")
    anchor = AnchorFile(beside / ANCHOR_FILE, key.derive(PURPOSE))
    anchor.anchor = report.read
    anchor.save()
    await asyncio.to_thread(sync_all, beside)
    yield {"part": f"verified {report.events} events", "report": report}


async def _streams(
    archive: Reading, manifest: Manifest, server: NatsServer, log_id: str
) -> AsyncIterator[dict[str, Any]]:
    """Every stream with its sequences and times; the log gets an id of its own, so that no old position fits it."""
    admin = await connect(server.url, server.admin)
    for name, about in manifest.streams.items():
        config = dict(about["config"])
        if name == EVENTS:
            old = (config.get("metadata") or {}).get("log_id", "")
            config["metadata"] = {**(config.get("metadata") or {}), FOLLOWS: old, "log_id": log_id}
        part = f"streams/{name}"
        info = await put_back(admin, {**about, "config": config}, pieces(archive, part, manifest.parts[part]))
        yield {"part": f"stream {name}: {info['state']['messages']} messages"}
    await admin.close()


@contextlib.asynccontextmanager
async def _reader(server: NatsServer) -> AsyncIterator[Reader]:
    """Reads the log of a server."""

    async def connected(**options: Any) -> Client:
        return await connect(server.url, server.app, **options)

    nc, reader, _ = await reading(connected)
    try:
        yield reader
    finally:
        await nc.close()


async def _opened(url: str, beside: Path) -> Objects:
    """The object store: files beside, or the bucket that the settings name, which keeps what it holds."""
    if not url:
        return FileObjects(beside / "objects")
    from infra.objects.s3 import S3Objects

    objects = S3Objects(url)
    await objects.open()
    return objects


async def _blocks(found: Iterator[bytes]) -> AsyncIterator[bytes]:
    for block in found:
        yield block


def _insert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    sql.create_table(conn, table)
    if conn.execute(select(table).limit(1)).first() is not None:
        raise ArchiveUnusable(f"the vault's table {table.name} is not empty: name an empty database")
    insert = sql.insert(table)
    for at in range(0, len(rows), ROWS_AT_ONCE):
        conn.execute(insert, rows[at : at + ROWS_AT_ONCE])
