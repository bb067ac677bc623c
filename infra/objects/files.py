"""Objects as files under the data directory. A name is whole or absent: written beside, synced, then renamed."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_.-]{1,128}){1,4}")


class FileObjects:
    """The port `Objects` on a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; an object that exists stays as it is."""
        await asyncio.to_thread(self._put, self._path(name), data)

    async def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""
        return await asyncio.to_thread(self._get, self._path(name))

    async def names(self) -> list[str]:
        """The name of every object that is whole, in order."""
        return await asyncio.to_thread(self._names)

    async def remove(self, name: str) -> None:
        """The object is gone; harmless when there is none."""
        await asyncio.to_thread(self._path(name).unlink, missing_ok=True)

    def _names(self) -> list[str]:
        found = (p.relative_to(self._root).as_posix() for p in self._root.rglob("*") if p.is_file())
        return sorted(name for name in found if _NAME.fullmatch(name) and not name.rpartition("/")[2].startswith("."))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"not an object name: {name!r}")
        return self._root / name

    @staticmethod
    def _put(path: Path, data: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        with open(beside, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @staticmethod
    def _get(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
