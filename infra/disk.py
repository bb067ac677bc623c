"""Room on the disk of a folder, looked at before it is gone.

A log server that ran out of room in the middle of a write refuses every later one until it is started anew; so
writing stops while there is still some room, and begins again by itself when there is enough.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

log = logging.getLogger("cozeloop.disk")

EVERY_SECONDS = 0.5
MIB = 1 << 20


def shortage(folder: Path, least: int) -> str:
    """Why nothing should be written there, in a sentence; empty when ``least`` bytes are free and it is writable."""
    at = os.statvfs(folder)
    if at.f_flag & os.ST_RDONLY:
        return "the data directory's file system is read-only"
    free = at.f_bavail * at.f_frsize
    if free < least:
        return f"the data directory's disk has {free / MIB:.1f} MiB left, writing needs {least / MIB:.1f}"
    return ""


class Disk:
    """``shortage`` of a folder, kept up to date by `watch`. ``on_room`` is awaited when there is room again."""

    def __init__(self, folder: Path, least: int, on_room: Callable[[], Awaitable[None]]) -> None:
        self._folder = folder
        self.least = least
        self._on_room = on_room
        self.shortage = shortage(folder, least)

    async def watch(self) -> None:
        """Looks twice a second until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            found = shortage(self._folder, self.least)
            if found and not self.shortage:
                log.error("nothing is written any more: %s", found)
                self.shortage = found
            elif self.shortage and not found:
                try:
                    await self._on_room()
                except Exception:
                    log.exception("there is room again, but writing did not begin; trying again")
                    continue
                log.warning("there is room on the disk again, writing goes on")
                self.shortage = ""
            else:
                self.shortage = found


def sync_all(folder: Path) -> None:
    """Returns when every file and folder below is on the disk."""
    for at, _, names in os.walk(folder):
        for path in (*(os.path.join(at, name) for name in names), at):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
