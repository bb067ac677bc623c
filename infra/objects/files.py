"""Objects as files under the data directory. A name is whole or absent: written beside, synced, then renamed."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from infra.objects.port import BLOCK_BYTES, Listed, ObjectsUnavailable, blocks, checked, is_name


class FileObjects:
    """The port `Objects` on a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; an object that exists stays as it is."""
        path = self._path(name)
        if not await asyncio.to_thread(path.exists):
            await self.store(name, once(data))

    async def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""
        return await asyncio.to_thread(_whole, self._path(name))

    async def names(self) -> list[str]:
        """The name of every object that is whole, in order."""
        return await asyncio.to_thread(_names, self._root)

    async def store(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        """Takes the object's place; durable when it returns. When ``chunks`` raises, the object stays as it was."""
        path, size = self._path(name), 0
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            file = await asyncio.to_thread(_begin, beside)
            try:
                async for block in blocks(chunks):
                    size += len(block)
                    await asyncio.to_thread(file.write, block)
            finally:
                await asyncio.to_thread(file.close)
            await asyncio.to_thread(_put_in_place, beside, path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ObjectsUnavailable(f"the object cannot be written: {error.strerror or error}") from error
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return size

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The object in blocks, as it was when the first one was asked for; nothing when there is none."""
        try:
            file = await asyncio.to_thread(open, self._path(name), "rb")
        except FileNotFoundError:
            return
        with file:
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block

    async def size(self, name: str) -> int | None:
        """Bytes, None when there is no such object."""
        try:
            return (await asyncio.to_thread(self._path(name).stat)).st_size
        except FileNotFoundError:
            return None

    async def copy(self, source: str, target: str) -> bool:
        """Another name for the same bytes: an object is never written in place, so they stay what they are."""
        path = self._path(target)
        return await asyncio.to_thread(_link, self._path(source), path)

    async def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """Whole objects whose names begin so, behind another one in the store's own order, at most ``limit``."""
        return await asyncio.to_thread(lambda: list(islice(_dated(self._root, "", prefix, after), limit)))

    async def remove(self, name: str) -> None:
        """The object is gone; harmless when there was none."""
        path = self._path(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._root / checked(name)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """The one chunk."""
    yield data


def _names(root: Path) -> list[str]:
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return sorted(name for name in found if is_name(name) and not name.rpartition("/")[2].startswith("."))


def _dated(root: Path, folder: str, prefix: str, after: str) -> Iterator[Listed]:
    """In the order of whole names: that of a folder's entries, each folder called by its name with the slash."""
    try:
        entries = [(f"{folder}{e.name}{'/' if e.is_dir() else ''}", e) for e in os.scandir(root / folder)]
    except FileNotFoundError:
        return
    for name, entry in sorted(entries, key=itemgetter(0)):
        if name.endswith("/"):
            if (name.startswith(prefix) or prefix.startswith(name)) and (name > after or after.startswith(name)):
                yield from _dated(root, name, prefix, after)
        elif name.startswith(prefix) and name > after and is_name(name) and not entry.name.startswith("."):
            try:
                yield Listed(name, datetime.fromtimestamp(entry.stat().st_mtime, UTC))
            except FileNotFoundError:
                continue


def _whole(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _begin(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(path, "wb", opener=lambda p, f: os.open(p, f, 0o600))


def _put_in_place(beside: Path, path: Path) -> None:
    _sync(beside, os.O_RDWR)
    beside.replace(path)
    _sync(path.parent, os.O_RDONLY)


def _link(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        os.link(source, beside)
        os.utime(beside)  # the copy is of now; its source, being the same file, counts as new with it
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ObjectsUnavailable(f"the object cannot be copied: {error.strerror or error}") from error
    _put_in_place(beside, target)
    beside.unlink(missing_ok=True)  # rename does nothing when both names are the same file already
    return True


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
