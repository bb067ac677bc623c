"""Uploaded files go when their time is over and nothing needs them: what was imported of them is in the log.

Files alone are looked at, never the sealed values of events beside them in the object store. What an import still
reads lies apart under the import's own name, and stays however long the import waits; what it was made of stays as
long as an address to fetch it by is good.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cozeloop.platform import Platform, UploadedFile
from cozeloop.projecting.tables import parked
from cozeloop.sweeping import CATCH_UP_SECONDS, ReadModelBehind
from cozeloop.uploads import DOWNLOAD_SECONDS, name_at, pinned
from events.event import Stream
from projections.imports.imports import IMPORTS, UNFINISHED, imports_in_use
from projections.reading import micros

log = logging.getLogger("cozeloop.expiring")

PAGE = 500
"""Files of a round."""
PAUSE_SECONDS = 1.0
INTERVAL_SECONDS = 3600.0

Sleep = Callable[[float], Awaitable[None]]


class Expiring:
    """Goes round the uploaded files, a page at a time; the platform's clock says what is old."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._retention = timedelta(days=platform.settings.file_retention_days)
        self._after: UploadedFile | None = None
        self.removed = 0
        """Files that went since it began."""

    async def round(self) -> bool:
        """Looks at the next `PAGE` files and removes what is due; False when it was the last page.

        Raises ReadModelBehind, having removed none: an import that needs a file may be in the log alone.
        """
        files, now = self._platform.files, self._platform.now()
        page = await files.listed(self._after, PAGE)
        old = [file for file in page if file.modified <= now - self._retention]
        if old:
            needed = await self._needed(now)
            for file in old:
                if (file.space, file.name) not in needed and await files.remove_unchanged(file):
                    self.removed += 1
        self._after = page[-1] if len(page) == PAGE else None
        return self._after is not None

    async def _needed(self, now: datetime) -> set[tuple[str, str]]:
        """Space and name of each file that an import reads, may read again, or is shown with."""
        platform = self._platform
        end = await platform.log.end()
        if not await platform.positions.reached(IMPORTS.name, end, CATCH_UP_SECONDS):
            raise ReadModelBehind(f"{IMPORTS.name} is not at position {end}")
        needed: set[tuple[str, str]] = set()
        shown_since = micros(now - timedelta(seconds=DOWNLOAD_SECONDS))
        for row in await platform.database.read(imports_in_use, shown_since):
            space = row["space_id"]
            needed.add((space, await name_at(platform.keys, space, row["path"])))
            if row["status"] in UNFINISHED:
                needed.add((space, pinned(row["job_id"])))
        for each in await platform.database.read(parked):
            stream = Stream.parse(each.stream)
            if each.model == IMPORTS.name and stream.capability == "imports":
                needed.add((stream.space, pinned(stream.id)))
        return needed


async def expire_for_ever(expiring: Expiring, sleep: Sleep) -> None:
    """Goes round every hour, until it is cancelled. A round that fails is logged, and tried again in an hour."""
    while True:
        more, before = False, expiring.removed
        try:
            more = await expiring.round()
        except Exception:
            log.warning("uploaded files were not looked through; the next try is in an hour", exc_info=True)
        if removed := expiring.removed - before:
            log.info("removed %d uploaded files whose time was over", removed)
        await sleep(PAUSE_SECONDS if more else INTERVAL_SECONDS)
