"""What erases a space: the steps that every platform has, beside those that its parts name with `on_erase`."""

from __future__ import annotations

from commands.datasets import text_schema
from cozeloop.bootstrap.core import Core
from cozeloop.erasing import Erasing, kept_in
from cozeloop.platform import LogUnavailable
from infra import clock
from infra.messaging.drafts import JetStreamDrafts
from projections import READ_MODELS

PAGE = 1000
CATCH_UP_SECONDS = 600.0


def open_erasing(core: Core, serving: bool) -> Erasing:
    """Erases on this process' log and stores. ``serving``: a feed moves the read models, else this does."""

    async def reached(position: int) -> None:
        projection = core.projection
        if not serving:
            while projection.position < position:
                await projection.apply(await core.log.read_all(projection.position, PAGE))
            return
        running = [m.name for m in READ_MODELS if m.name not in projection.stopped]
        for name in running:
            if not await projection.positions.reached(name, position, CATCH_UP_SECONDS):
                raise LogUnavailable(f"read model {name} is behind; the rest is done at the next start")

    process = core.process
    process.on_erase("drafts", JetStreamDrafts(core.nc, core.vault.keys, clock.now).remove)
    process.on_erase("objects", kept_in(core.objects))
    process.platform.forgets.append(text_schema.forget)
    return Erasing(
        handle=core.handle,
        log=core.log,
        vault=core.vault,
        database=core.database,
        reached=reached,
        removes=process.removes,
        forgets=process.platform.forgets,
    )
