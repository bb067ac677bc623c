"""Uploaded files, sealed under their space's key as they stream by: neither whole in memory nor ever plain on a disk.

A sealed file is a header of 128 bytes (``CLF1``, the length of the key's id, the id, 16 random bytes that name the
file, zeros) and chunks of 64 KiB: nonce, ciphertext, tag. Each chunk is bound to the file's name, its place, and
whether it is the last, so that none can be moved, swapped or cut off unseen. With the space's key its files are gone.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag

from infra.objects.port import FileDamaged, FileTooLarge, Listed, Objects
from infra.vault.keys import NONCE_BYTES, Keyring, SpaceKey

FOLDER = "files/"
"""What the objects of files are called alone."""
MAGIC = b"CLF1"
HEADER_BYTES = 128
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_BYTES = NONCE_BYTES + CHUNK_BYTES + TAG_BYTES


@dataclass(frozen=True)
class UploadedFile:
    """A file of a space, and when it took its place."""

    space: str
    name: str
    modified: datetime


class SealedFiles:
    """Files of spaces by name, on the port `Objects`."""

    def __init__(self, objects: Objects, keyring: Keyring) -> None:
        self._objects = objects
        self._keyring = keyring
        self._in_use: Counter[str] = Counter()
        self._removing = asyncio.Lock()

    async def write(self, space: str, name: str, chunks: AsyncIterable[bytes], limit: int) -> int:
        """The file's new content, durable when it returns; its bytes. Raises FileTooLarge, ObjectsUnavailable."""
        key = self._keyring.current(space) or await self._keyring.of(space)
        counted = Counted(chunks, limit)
        async with self._using(object_name(space, name)) as (object_,):
            await self._objects.store(object_, sealed(key, counted))
        return counted.size

    async def read(self, space: str, name: str) -> AsyncIterator[bytes]:
        """The content in pieces, as it was when the first one was asked for; nothing when there is no such file."""
        held = bytearray()
        opener: Opener | None = None
        async for block in self._objects.read(object_name(space, name)):
            held += block
            if opener is None and len(held) >= HEADER_BYTES:
                opener = await self._opener(bytes(held[:HEADER_BYTES]))
                del held[:HEADER_BYTES]
            while opener is not None and len(held) > SEALED_BYTES:
                yield opener.open(bytes(held[:SEALED_BYTES]), last=False)
                del held[:SEALED_BYTES]
        if opener is not None:
            yield opener.open(bytes(held), last=True)
        elif held:
            raise FileDamaged("the file has no header")

    async def size(self, space: str, name: str) -> int | None:
        """Bytes of the content, None when there is no such file."""
        size = await self._objects.size(object_name(space, name))
        if size is None:
            return None
        whole, rest = divmod(size - HEADER_BYTES, SEALED_BYTES)
        return whole * CHUNK_BYTES + max(0, rest - NONCE_BYTES - TAG_BYTES)

    async def copy(self, space: str, source: str, target: str) -> bool:
        """The target has the source's content as it is now; False when there is none."""
        async with self._using(object_name(space, source), object_name(space, target)) as (origin, copied):
            return await self._objects.copy(origin, copied)

    async def remove(self, space: str, name: str) -> None:
        """The file is gone; harmless when there was none."""
        await self._objects.remove(object_name(space, name))

    async def listed(self, after: UploadedFile | None, limit: int) -> list[UploadedFile]:
        """Files of all spaces behind one, or from the first on, in the order of their objects' names."""
        behind = object_name(after.space, after.name) if after else ""
        return [_uploaded(each) for each in await self._objects.listed(FOLDER, behind, limit)]

    async def remove_unchanged(self, file: UploadedFile) -> bool:
        """Whether the file is gone by this call: not when it was written, or copied from or to, since it was listed.

        Holds within this process.
        """
        name = object_name(file.space, file.name)
        async with self._removing:
            found = await self._objects.listed(name, "", 1)
            if self._in_use[name] or [_uploaded(each) for each in found] != [file]:
                return False
            await self._objects.remove(name)
            return True

    @asynccontextmanager
    async def _using(self, *names: str) -> AsyncIterator[tuple[str, ...]]:
        """The names, none of which is removed meanwhile; a removal that has begun is waited for."""
        self._in_use.update(names)
        try:
            async with self._removing:
                pass
            yield names
        finally:
            self._in_use.subtract(names)
            self._in_use += Counter()

    async def _opener(self, header: bytes) -> Opener:
        length = header[4]
        key_id = header[5 : 5 + length].decode("ascii", "replace")
        if not header.startswith(MAGIC) or 5 + length + 16 > HEADER_BYTES:
            raise FileDamaged("the file's header is not ours")
        key = self._keyring.cached(key_id) or await self._keyring.by_id(key_id)
        if key is None:
            raise FileDamaged("the file's key has been destroyed")
        return Opener(key, header[5 + length : 5 + length + 16])


class Counted:
    """Chunks as they come, counted; raises FileTooLarge beyond the limit."""

    def __init__(self, chunks: AsyncIterable[bytes], limit: int) -> None:
        self._chunks = chunks
        self._limit = limit
        self.size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise FileTooLarge(f"more than {self._limit} bytes")
            yield chunk


class Opener:
    """Opens a file's chunks in their order."""

    def __init__(self, key: SpaceKey, file: bytes) -> None:
        self._key = key
        self._file = file
        self._next = 0

    def open(self, chunk: bytes, *, last: bool) -> bytes:
        """The next chunk's content; raises FileDamaged."""
        bound = _bound(self._file, self._next, last)
        self._next += 1
        try:
            return self._key.open(chunk[:NONCE_BYTES], chunk[NONCE_BYTES:], bound)
        except (InvalidTag, ValueError):
            raise FileDamaged(f"chunk {self._next} of the file was altered or cut off") from None


async def sealed(key: SpaceKey, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The file's bytes as they are stored."""
    file, name = os.urandom(16), key.id.encode()
    yield (MAGIC + bytes([len(name)]) + name + file).ljust(HEADER_BYTES, b"\0")
    held, index = bytearray(), 0
    async for chunk in chunks:
        held += chunk
        while len(held) > CHUNK_BYTES:
            yield b"".join(key.seal(bytes(held[:CHUNK_BYTES]), _bound(file, index, False)))
            del held[:CHUNK_BYTES]
            index += 1
    yield b"".join(key.seal(bytes(held), _bound(file, index, True)))


def object_name(space: str, name: str) -> str:
    """Where a file of a space lies."""
    return f"{FOLDER}{space}/{name}"


def _uploaded(listed: Listed) -> UploadedFile:
    _, space, name = listed.name.split("/", 2)
    return UploadedFile(space, name, listed.modified)


def _bound(file: bytes, index: int, last: bool) -> bytes:
    return file + index.to_bytes(8, "big") + bytes([last])
