"""The composition root: settings to platform. The only place that knows which adapter stands behind which port.

The embedded shape is this process and its child, nats-server, over one data directory. It starts in the background:
the edge answers /ping at once and holds other requests until log and read models are ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from commands import DECIDERS
from cozeloop.following import AnchorFollower, CommandsSeen, decoded, look_through, read_side_stands, stopped_models
from cozeloop.handling import CommandHandler
from cozeloop.operations import LogOperations
from cozeloop.platform import Platform
from cozeloop.projecting.building import LogTooShort
from cozeloop.projecting.feeding import Feeder
from cozeloop.projecting.projection import ForeignLog, Projection
from cozeloop.settings import Settings
from cozeloop.sweeping import sweep_for_ever
from cozeloop.work.experiments import RunItems
from cozeloop.work.outcomes import Outcomes
from cozeloop.work.plans import Plans
from cozeloop.workflows.runtime import ExperimentRuns
from events import EVENTS
from events.event import Recorded
from infra import clock
from infra.cache.limits import ProcessLimits
from infra.eventstore.anchor import AnchorFile
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.log import LossNoticed
from infra.ids import SnowflakeIds
from infra.llm.catalogue import Catalogue, load_catalogue
from infra.llm.gateway import LitellmGateway, Retries
from infra.messaging.drafts import JetStreamDrafts
from infra.messaging.feed import Feed
from infra.messaging.lease import NodeLease
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import Client, connect, ensure_streams
from infra.messaging.work import WorkQueue
from infra.objects import FileObjects
from infra.sandbox.runner import SandboxCodeRunner
from infra.sql import open_database
from infra.vault.installation import installation_key
from infra.vault.vault import Vault, open_vault
from projections import READ_MODELS
from projections.datasets.rows import version_items

log = logging.getLogger(__name__)

STARTING = "the start"
END_SECONDS = 2.0
"""How long a task or a connection may take to end; the log server has a bound of its own."""


class VaultMissing(Exception):
    """The vault is not the log's: nobody could sign in, and nothing that was typed could be read."""


class NotYet:
    """Stands in a platform for what is not open yet; the gate keeps requests away from it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"the platform is not ready: {name}")


class Embedded:
    """The embedded platform. ``platform`` exists at once; `start` fills it, `stop` gives everything back.

    ``on_end`` is told in a sentence why the platform cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        lock: DataDirLock,
        *,
        serving: bool = True,
        on_end: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._serving = serving
        self._on_end = on_end or (lambda sentence: log.critical("%s", sentence))
        self._waiting = STARTING
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: list[Callable[[], Coroutine[Any, Any, Any]]] = []
        self._trouble: list[Callable[[], str]] = []
        self.platform = _unopened(settings, lambda: self._waiting, self._wait_ready)
        self.platform.trouble = lambda: next(filter(None, (said() for said in self._trouble)), "")

    async def start(self) -> None:
        """Opens everything in its order and returns when the platform is ready."""
        settings, data = self._settings, self._settings.data_dir
        self._waiting = "the event log"
        server = NatsServer(data / "nats", self._lock.fd, on_give_up=self._on_end)
        self._closing.append(server.stop)
        await server.start()

        async def connected(**options: Any) -> Client:
            return await connect(server.url, server.app, **options)

        admin = await connect(server.url, server.admin)
        await ensure_streams(admin)
        await admin.close()

        self._waiting = "the vault"
        installation = installation_key(data)
        vault_url = settings.vault_url or f"sqlite:///{data / 'vault.db'}"
        vault = await open_vault(open_database(vault_url, full_sync=True), installation, clock.now)
        self._closing.append(vault.close)
        objects = FileObjects(data / "objects")
        database = open_database(settings.database_url or f"sqlite:///{data / 'read.db'}")
        self._closing.append(database.close)
        anchor = AnchorFile(data / "anchor.json", installation.derive("anchor of the log"))

        self._waiting = "the event log"
        event_log = JetStreamLog(
            connected, EVENTS, vault.keys, objects, [lambda: read_side_stands(database), anchor.stands]
        )
        self._closing.append(event_log.close)
        log_id = await event_log.open()
        self._trouble.append(lambda: event_log.stopped)
        if not event_log.stopped:
            await anchor.begin(log_id, event_log.reader)
        projection = Projection(database, READ_MODELS, event_log, log_id=log_id)
        await self._open_read_models(projection, event_log)

        nc = await connected()
        self._closing.append(nc.close)
        handle = CommandHandler(event_log, DECIDERS, clock.now, CommandsSeen(event_log, projection.positions, database))
        self._fill(vault, event_log, handle, database, projection, nc, objects)
        self.platform.operations = LogOperations(event_log, anchor, READ_MODELS, projection)
        if self._serving:
            await self._lease_ids(nc)
        if self._serving and not event_log.stopped:
            await self._serve(nc, connected, event_log, projection, anchor, vault)
        self._waiting = ""
        self._ready.set()

    async def stop(self) -> None:
        """Ends tasks, then closes in the reverse order of opening."""
        self._waiting = "the end"
        self._ready.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_SECONDS)
        for close in reversed(self._closing):
            try:
                async with asyncio.timeout(None if close == self._closing[0] else END_SECONDS):
                    await close()
            except Exception:
                log.exception("something did not close as it should")
        self._closing.clear()

    async def _open_read_models(self, projection: Projection, event_log: JetStreamLog) -> None:
        try:
            await projection.open()
        except (ForeignLog, LogTooShort) as error:
            if self._serving and event_log.stopped:
                raise LossNoticed(event_log.stopped) from error
            if not event_log.stopped:
                raise
            log.warning("the read models are not of this log: %s", error)

    async def _lease_ids(self, nc: Client) -> None:
        lease = NodeLease(nc)
        await lease.acquire()
        self.platform.ids = SnowflakeIds(lambda: lease.node)
        self._closing.append(lease.release)

    async def _serve(
        self,
        nc: Client,
        connected: Any,
        event_log: JetStreamLog,
        projection: Projection,
        anchor: AnchorFile,
        vault: Vault,
    ) -> None:
        """What goes on by itself: the feed and its followers, the work queue, sweeping, a look at the whole log."""
        platform, settings = self.platform, self._settings
        end = await event_log.end()
        if end and not await vault.holds_keys():
            raise VaultMissing("the log holds events, but the vault is empty: put the vault back that belongs to it")

        async def items(dataset_id: str, revision: int) -> Sequence[tuple[str, int, int]]:
            return await platform.database.read(version_items, dataset_id, revision)

        outcomes = Outcomes(event_log)
        perform = RunItems(event_log, Plans(event_log), platform.models, platform.code, outcomes, clock.now)
        runs: list[ExperimentRuns] = []

        async def refill() -> None:
            await runs[0].live()

        queue = WorkQueue(nc, perform, settings.worker_slots, on_lost=refill)
        experiments = ExperimentRuns(platform.database, platform.handle, queue, items)
        runs.append(experiments)
        await experiments.open()
        feed = Feed(connected)

        def batches(after: int) -> AsyncIterator[list[Recorded[Any]]]:
            return decoded(feed, event_log, after)

        followers = [projection, experiments, AnchorFollower(anchor)]
        feeder = Feeder(batches, followers, on_loss=event_log.stop)
        self._trouble += [lambda: feeder.trouble, lambda: stopped_models(projection)]
        self._run(feeder.run())
        self._waiting = "the read models"
        if end and not await feeder.until(end):
            return
        await queue.open()
        self._closing.append(queue.close)
        await experiments.live()
        self._run(experiments.perform())
        self._run(sweep_for_ever(platform, vault))
        self._run(look_through(event_log, anchor))
        self._run(_warm(platform))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def _fill(
        self,
        vault: Vault,
        event_log: JetStreamLog,
        handle: CommandHandler,
        database: Any,
        projection: Projection,
        nc: Client,
        objects: FileObjects,
    ) -> None:
        settings, platform = self._settings, self.platform
        catalogue = load_catalogue(settings.model_config_path) if settings.model_config_path else Catalogue()
        gateway = LitellmGateway(
            catalogue,
            timeout=settings.model_call_timeout_seconds,
            retries=Retries(attempts=settings.model_call_attempts),
        )
        self._closing.append(gateway.aclose)
        code = SandboxCodeRunner(unsafe=settings.unsafe_code and settings.host in ("127.0.0.1", "localhost", "::1"))
        self._closing.append(code.close)
        platform.log = event_log
        platform.handle = handle
        platform.database = database
        platform.positions = projection.positions
        platform.keys = vault.keys
        platform.people = vault.people
        platform.sessions = vault.sessions
        platform.tokens = vault.tokens
        platform.drafts = JetStreamDrafts(nc, vault.keys, clock.now)
        platform.objects = objects
        platform.models = gateway
        platform.code = code

    async def _wait_ready(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return not self._waiting


@asynccontextmanager
async def alone(settings: Settings, lock: DataDirLock) -> AsyncIterator[LogOperations]:
    """The operations of a data directory on which no platform runs: log and stores are started for them alone."""
    embedded = Embedded(settings, lock, serving=False)
    try:
        await embedded.start()
        yield cast(LogOperations, embedded.platform.operations)
    finally:
        await embedded.stop()


def _unopened(settings: Settings, ready: Callable[[], str], wait_ready: Any) -> Platform:
    not_yet: Any = NotYet()
    return Platform(
        settings=settings,
        log=not_yet,
        handle=not_yet,
        database=not_yet,
        read_models=READ_MODELS,
        positions=not_yet,
        now=clock.now,
        ids=not_yet,
        keys=not_yet,
        people=not_yet,
        sessions=not_yet,
        tokens=not_yet,
        drafts=not_yet,
        objects=not_yet,
        models=not_yet,
        code=not_yet,
        limits=ProcessLimits(),
        ready=ready,
        wait_ready=wait_ready,
        operator_token=secrets.token_urlsafe(32),
    )


async def _warm(platform: Platform) -> None:
    """Imports what takes seconds before somebody waits for it, and tries the sandbox."""
    with contextlib.suppress(Exception):
        if platform.settings.model_config_path:
            await cast(LitellmGateway, platform.models).warm()
    if fault := await cast(SandboxCodeRunner, platform.code).self_test():
        log.warning("code evaluators are refused on this machine: %s", fault)
