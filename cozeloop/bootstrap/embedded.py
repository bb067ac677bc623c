"""The embedded shape: this process and its child, nats-server, over one data directory.

It starts in the background: the edge answers /ping at once and holds other requests until log and read models are
ready.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from cozeloop.bootstrap.calls import open_models, open_sandbox, warm
from cozeloop.bootstrap.core import Core, open_core
from cozeloop.bootstrap.erasing import open_erasing
from cozeloop.bootstrap.experiments import ExperimentEngine
from cozeloop.bootstrap.imports import begin_imports, open_imports
from cozeloop.bootstrap.limits import open_limits
from cozeloop.bootstrap.operations import open_operations
from cozeloop.bootstrap.past import open_past
from cozeloop.bootstrap.process import Process
from cozeloop.bootstrap.subscriptions import open_subscriptions
from cozeloop.bootstrap.traces import follow_spans, open_traces
from cozeloop.bootstrap.webhooks import WebhookEngine, erase_webhooks
from cozeloop.erasing import Erasing
from cozeloop.expiring import Expiring, expire_for_ever
from cozeloop.following import AnchorFollower, decoded, look_through, one_ahead, stopped_models
from cozeloop.operations import LogOperations
from cozeloop.platform import Platform
from cozeloop.projecting.feeding import Feeder, Follower
from cozeloop.settings import Settings
from cozeloop.sweeping import sweep_for_ever
from infra import clock
from infra.ids import SnowflakeIds
from infra.messaging.drafts import JetStreamDrafts
from infra.messaging.feed import Feed
from infra.messaging.lease import NodeLease
from infra.messaging.lock import DataDirLock
from infra.objects import SealedFiles
from projections import READ_MODELS

log = logging.getLogger("cozeloop.bootstrap")


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
        self._lock = lock
        self._serving = serving
        self._process = Process(settings, on_end or (lambda sentence: log.critical("%s", sentence)))
        self.platform = self._process.platform = _unopened(self._process)

    async def start(self) -> None:
        """Opens everything in its order and returns when the platform is ready."""
        core = await open_core(self._process, self._lock, self._serving)
        self._process.on_erase("webhooks", erase_webhooks(core))
        erasing = open_erasing(core, self._serving)
        self._fill(core, erasing)
        if self._serving:
            lease = NodeLease(core.nc)
            await lease.acquire()
            self._process.on_close(lease.release)
            self.platform.ids = SnowflakeIds(lambda: lease.node)
            if not core.log.stopped:
                await self._serve(core, erasing)
        self._process.opened()

    def leave(self) -> None:
        """The end is near: answers that would last for ever end now."""
        if self.platform.subscriptions is not None:
            self.platform.subscriptions.end()

    async def stop(self) -> None:
        """Ends tasks, then closes in the reverse order of opening."""
        await self._process.stop()

    def _fill(self, core: Core, erasing: Erasing) -> None:
        platform, vault = self.platform, core.vault
        platform.log, platform.log_name = core.log, core.log.name
        platform.handle = core.handle
        platform.database = core.database
        platform.positions = core.projection.positions
        platform.keys = vault.keys
        platform.people = vault.people
        platform.sessions = vault.sessions
        platform.tokens = vault.tokens
        platform.drafts = JetStreamDrafts(core.nc, vault.keys, clock.now, lambda: core.disk.shortage)
        platform.objects = core.objects
        platform.files = SealedFiles(core.objects, vault.keys)
        platform.limits = open_limits(core.process)
        platform.models = open_models(core)
        platform.code = open_sandbox(core)
        platform.past = open_past(core)
        platform.spans = self._traces = open_traces(core)
        platform.operations = open_operations(core, erasing, self._traces)

    async def _serve(self, core: Core, erasing: Erasing) -> None:
        """What goes on by itself. A feed that ended early leaves reading, and says what is wrong."""
        process, platform = self._process, self.platform
        end = await core.log.end()
        if end and not await core.vault.holds_keys():
            raise VaultMissing("the log holds events, but the vault is empty: put the vault back that belongs to it")
        experiments = ExperimentEngine(core)
        await experiments.runs.open()
        live, imports = open_subscriptions(core, end), open_imports(core, end)
        webhooks = WebhookEngine(core)
        await webhooks.begin(end)
        feeder = _feeder(
            core, [core.projection, experiments.runs, AnchorFollower(core.anchor), webhooks, live, imports]
        )
        process.waiting = "the read models"
        if end and not await feeder.until(end):
            return
        await erasing.resume()
        follow_spans(core, self._traces)
        await experiments.begin()
        process.run(webhooks.run())
        await begin_imports(core, imports)
        process.run(sweep_for_ever(platform, core.vault))
        process.run(expire_for_ever(Expiring(platform), asyncio.sleep))
        process.run(look_through(core.log, core.anchor))
        process.run(warm(core, cast(Any, platform.models), cast(Any, platform.code)))


@asynccontextmanager
async def alone(settings: Settings, lock: DataDirLock) -> AsyncIterator[LogOperations]:
    """The operations of a data directory on which no platform runs: log and stores are started for them alone."""
    embedded = Embedded(settings, lock, serving=False)
    try:
        await embedded.start()
        yield cast(LogOperations, embedded.platform.operations)
    finally:
        await embedded.stop()


def _feeder(core: Core, followers: list[Follower]) -> Feeder:
    feed = Feed(core.connected, lost=core.log.lost)
    feeder = Feeder(lambda after: one_ahead(decoded(feed, core.log, after)), followers, on_loss=core.log.stop)
    core.process.watch(lambda: feeder.trouble)
    core.process.watch(lambda: stopped_models(core.projection))
    core.process.run(feeder.run())
    return feeder


def _unopened(process: Process) -> Platform:
    not_yet: Any = NotYet()
    return Platform(
        settings=process.settings,
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
        spans=not_yet,
        objects=not_yet,
        files=not_yet,
        models=not_yet,
        code=not_yet,
        limits=not_yet,
        ready=lambda: process.waiting,
        wait_ready=process.wait_ready,
        trouble=process.trouble,
        operator_token=secrets.token_urlsafe(32),
    )
