"""What is measured stands on this: a log on a nats-server of its own, or the embedded platform in this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from cozeloop.bootstrap import Embedded
from cozeloop.demo.tour import Tour
from cozeloop.settings import Settings
from events import EVENTS
from infra import clock
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.snapshots import Snapshots
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import connect, ensure_streams
from infra.objects import FileObjects
from infra.sql import open_database
from infra.sql.database import SqlDatabase
from infra.vault.installation import installation_key
from infra.vault.vault import Vault, open_vault
from tests.e2e.processes import Platform

SPACE = "7000000000000000001"


@dataclass
class LogRig:
    """A nats-server with the platform's streams, a vault on SQLite, and logs on them as production opens them."""

    server: NatsServer
    vault: Vault
    objects: FileObjects
    read: SqlDatabase

    async def connected(self, **options: Any) -> Client:
        return await connect(self.server.url, self.server.app, **options)

    async def plain(self) -> Client:
        """nats-py's own client: the raw engine, without anything of ours."""
        return await nats.connect(self.server.url, user=self.server.app.user, password=self.server.app.password)

    async def open_log(self, copied: bool = False) -> JetStreamLog:
        """A log with an empty cache; ``copied``: with copies of states, in SQLite."""
        snapshots = Snapshots(self.read, self.vault.keys, "bench") if copied else None
        log = JetStreamLog(self.connected, EVENTS, self.vault.keys, self.objects, snapshots=snapshots)
        await log.open()
        return log


@asynccontextmanager
async def log_rig(kind: type[NatsServer] = NatsServer) -> AsyncIterator[LogRig]:
    """In a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        data = Path(folder)
        async with kind(data / "nats") as server:
            admin = await connect(server.url, server.admin)
            await ensure_streams(admin)
            await admin.close()
            vault = await open_vault(open_database(f"sqlite:///{data / 'vault.db'}"), installation_key(data), clock.now)
            await vault.keys.create(SPACE)
            read = open_database(f"sqlite:///{data / 'read.db'}")
            try:
                yield LogRig(server, vault, FileObjects(data / "objects"), read)
            finally:
                await read.close()
                await vault.close()


@asynccontextmanager
async def embedded(**settings: Any) -> AsyncIterator[Embedded]:
    """The embedded platform without its HTTP edge."""
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        async with embedded_at(Path(folder) / "data", **settings) as platform:
            yield platform


@asynccontextmanager
async def embedded_at(data: Path, *, serving: bool = True, **settings: Any) -> AsyncIterator[Embedded]:
    """The same in a directory that stays."""
    with DataDirLock(data) as lock:
        platform = Embedded(Settings(data_dir=data, **settings), lock, serving=serving)
        try:
            await platform.start()
            yield platform
        finally:
            await platform.stop()


@dataclass
class Served:
    """A real ``cozeloop up`` and a user of it."""

    process: Platform
    tour: Tour

    @property
    def cookies(self) -> dict[str, str]:
        """Headers of the user's browser."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.tour.http.cookies.items())}

    @property
    def token(self) -> dict[str, str]:
        """Headers of the user's SDK."""
        return {"Authorization": f"Bearer {self.tour.token}"}

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of the platform's process and of nats-server."""
        return {"platform": cpu_seconds(self.process.pid), "nats": cpu_seconds(self.process.log_server)}


@contextmanager
def served(**environment: str) -> Iterator[Served]:
    """In a directory that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder,
        Platform(Path(folder) / "data", **environment) as process,
    ):
        process.start().ready()
        tour = Tour(process.url)
        tour.register()
        yield Served(process, tour)
        tour.http.close()
        process.stop()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads and its ended children's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
