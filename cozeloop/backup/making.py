"""A backup of a platform, also while it runs.

The log comes first, then drafts and the other streams, then objects, the vault last: rows and objects are written
before the events that need them, so whatever an event in the backup needs is in it as well. What is there too much
harms nobody. Read models are not in it: they are folded from the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from cozeloop.backup.archive import ArchiveUnusable, Writing
from cozeloop.backup.manifest import MANIFEST, Manifest
from infra.eventstore.anchor import Anchor, AnchorFile
from infra.eventstore.as_of import whole
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import Damaged
from infra.messaging.snapshots import kept_streams, taken
from infra.messaging.streams import Client
from infra.objects.port import Objects
from infra.vault.installation import KEY_FILE, InstallationKey
from infra.vault.vault import Vault

EVENTS = "EVENTS"
LEFT_OUT = frozenset({"sessions", "reset_codes"})
"""Tables of the vault that are not kept: people sign in again, and codes that were given out are asked for again."""
Line = Mapping[str, Any]


@dataclass
class Backup:
    """Makes backups of an open log with its stores."""

    log: JetStreamLog
    anchor: AnchorFile
    vault: Vault
    objects: Objects
    installation: InstallationKey
    connected: Callable[..., Awaitable[Client]]
    now: Callable[[], datetime]

    async def make(self, target: Path, with_key: bool = False) -> AsyncIterator[Line]:
        """Yields ``{"part", "bytes"}`` after each part, ``final`` with the position at the end.

        Raises ArchiveUnusable before anything is written, and whatever broke; nothing is left under the name then.
        """
        archive = await asyncio.to_thread(Writing, target)
        nc = await self.connected()
        try:
            witness = await self._witness()
            streams: dict[str, dict[str, Any]] = {}
            for name in sorted(await kept_streams(nc), key=lambda n: n != EVENTS):
                streams[name] = {}
                with archive.part(f"streams/{name}") as part:
                    async for chunk in taken(nc, name, streams[name]):
                        await asyncio.to_thread(part.write, chunk)
                yield {"part": f"stream {name}", "bytes": part.size}
            yield await self._objects(archive)
            for table in self.vault.tables:
                if table.name not in LEFT_OUT:
                    with archive.part(f"vault/{table.name}") as part:
                        await self.vault.database.read(_rows, table, part)
                    yield {"part": f"vault {table.name}", "bytes": part.size}
            if with_key:
                with archive.part(KEY_FILE) as part:
                    part.write(self.installation.secret())
            manifest = Manifest(
                made_at=self.now().isoformat(),
                installation=self.installation.fingerprint,
                anchor=asdict(witness),
                streams=streams,
                parts=dict(archive.parts),
            )
            with archive.part(MANIFEST) as part:
                part.write(manifest.encoded(self.installation))
            await asyncio.to_thread(archive.finish)
        finally:
            await nc.close()
            await asyncio.to_thread(archive.discard)
        yield {
            "part": "manifest",
            "bytes": part.size,
            "final": True,
            "position": witness.position,
            "digest": witness.digest,
            "target": str(target),
        }

    async def _witness(self) -> Anchor:
        """The log up to its last whole batch: what was acknowledged until now, and what the snapshot will hold."""
        try:
            return await self.anchor.upto(await whole(self.log.reader), self.log.reader)
        except Damaged as damage:
            raise ArchiveUnusable(f"a backup of this log could not be restored: {damage}") from damage

    async def _objects(self, archive: Writing) -> Line:
        size = count = 0
        for name in await self.objects.names():
            if await self.objects.size(name) is not None:
                with archive.part(f"objects/{name}") as part:
                    async for block in self.objects.read(name):
                        await asyncio.to_thread(part.write, block)
                size, count = size + part.size, count + 1
        return {"part": f"{count} objects", "bytes": size}


def _rows(conn: Connection, table: Any, part: Any) -> None:
    names = [str(column.name) for column in table.columns]
    for row in conn.execute(select(table).order_by(*table.primary_key)):
        part.write(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n")
