"""The core: the log server, the vault, the log with its witnesses, and the read models."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import commands
import events
from commands import DECIDERS
from cozeloop.bootstrap.process import Process
from cozeloop.following import CommandsSeen, read_side_stands
from cozeloop.handling import CommandHandler
from cozeloop.projecting.building import LogTooShort
from cozeloop.projecting.projection import ForeignLog, Projection
from events import EVENTS
from infra import clock
from infra.disk import Disk
from infra.eventstore.anchor import ANCHOR_FILE, PURPOSE, AnchorFile
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import LossNoticed
from infra.eventstore.snapshots import Snapshots, code_digest
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import Client, Connect, SpanLimits, connect, ensure_streams
from infra.objects import FileObjects
from infra.objects.port import Objects
from infra.sql import open_database
from infra.sql.database import SqlDatabase
from infra.vault.destroyed import DESTROYED_FILE, DestroyedKeys
from infra.vault.installation import InstallationKey, installation_key
from infra.vault.vault import Vault, open_vault
from projections import READ_MODELS

logger = logging.getLogger("cozeloop.bootstrap")


@dataclass(frozen=True)
class Core:
    """What every other part stands on. ``nc`` is a connection for small things; ``connected`` makes another."""

    process: Process
    disk: Disk
    connected: Connect
    nc: Client
    installation: InstallationKey
    vault: Vault
    objects: Objects
    database: SqlDatabase
    log: JetStreamLog
    log_id: str
    anchor: AnchorFile
    projection: Projection
    handle: CommandHandler


async def open_core(process: Process, lock: DataDirLock, serving: bool) -> Core:
    """Opens log, vault and read models in their order; a log with a loss opens too, and refuses to write."""
    settings, data = process.settings, process.data
    process.waiting = "the event log"
    server = NatsServer(data / "nats", lock.fd, on_give_up=process.on_end)
    process.on_close(server.stop)
    await server.start()
    disk = Disk(data, settings.min_free_bytes, server.restart)
    process.watch(lambda: disk.shortage)
    process.run(disk.watch())

    async def connected(**options: Any) -> Client:
        return await connect(server.url, server.app, **options)

    admin = await connect(server.url, server.admin)
    await ensure_streams(admin, spans=SpanLimits(settings.spans_max_age_days, settings.spans_max_bytes))
    await admin.close()

    process.waiting = "the vault"
    installation = installation_key(data)
    vault_url = settings.vault_url or f"sqlite:///{data / 'vault.db'}"
    listed = DestroyedKeys(settings.destroyed_keys or data / DESTROYED_FILE, installation.derive("destroyed keys"))
    vault = await open_vault(open_database(vault_url, full_sync=True), installation, clock.now, listed)
    process.on_close(vault.close)
    process.waiting = "the object store"
    objects = await open_objects(process)
    database = open_database(settings.database_url or f"sqlite:///{data / 'read.db'}")
    process.on_close(database.close)
    anchor = AnchorFile(data / ANCHOR_FILE, installation.derive(PURPOSE))

    process.waiting = "the event log"
    snapshots = Snapshots(database, vault.keys, code_digest(commands, events), settings.snapshot_after_events)
    log = JetStreamLog(
        connected,
        EVENTS,
        vault.keys,
        objects,
        [lambda: read_side_stands(database), anchor.stands],
        shortage=lambda: disk.shortage,
        snapshots=snapshots,
    )
    process.on_close(log.close)
    log_id = await log.open()
    process.run(snapshots.write_for_ever())
    process.on_erase("copied states", snapshots.remove)
    process.watch(lambda: log.stopped)
    if not log.stopped:
        await anchor.begin(log_id, log.reader)
    projection = Projection(database, READ_MODELS, log, log_id=log_id)
    await _open_read_models(process, projection, log, serving)

    nc = await connected()
    process.on_close(nc.close)
    handle = CommandHandler(log, DECIDERS, clock.now, CommandsSeen(log, projection.positions, database))
    return Core(
        process, disk, connected, nc, installation, vault, objects, database, log, log_id, anchor, projection, handle
    )


async def open_objects(process: Process) -> Objects:
    """The object store that the settings name, files under the data directory when they name none."""
    if not process.settings.objects_url:
        return FileObjects(process.data / "objects")
    from infra.objects.s3 import S3Objects

    objects = S3Objects(process.settings.objects_url)
    process.on_close(objects.close)
    await objects.open()
    return objects


async def _open_read_models(process: Process, projection: Projection, log: JetStreamLog, serving: bool) -> None:
    try:
        await projection.open()
    except (ForeignLog, LogTooShort) as error:
        if serving and log.stopped:
            raise LossNoticed(log.stopped) from error
        if not log.stopped:
            raise
        logger.warning("the read models are not of this log: %s", error)
