"""The port of object storage: whole values, streams of bytes, and what may go wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

BLOCK_BYTES = 1 << 20
"""What is read or written at once; more of an object is never in memory."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_.-]{1,128}){1,4}")


class ObjectsUnavailable(Exception):
    """The object store cannot be written or read now; the object is as it was. The text says why."""


class FileTooLarge(Exception):
    """More bytes came than were allowed; nothing was kept."""


class FileDamaged(Exception):
    """The stored file is not what was written, or its key is gone."""


@dataclass(frozen=True)
class Listed:
    """An object, and when it took its place: stored, put or copied to."""

    name: str
    modified: datetime


class Objects(Protocol):
    """Objects by name. A name is whole or absent, whatever breaks off in between."""

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; an object that exists stays as it is."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""
        ...

    async def store(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        """Takes the object's place with what the chunks hold and returns their bytes; durable when it returns.

        When ``chunks`` raises, the object stays as it was.
        """
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """The object in blocks, as it was when the first one was asked for; nothing when there is none."""
        ...

    async def size(self, name: str) -> int | None:
        """Bytes, None when there is no such object."""
        ...

    async def copy(self, source: str, target: str) -> bool:
        """Takes the target's place with the source as it is now; False when there is none."""
        ...

    async def names(self) -> list[str]:
        """The name of every object that is whole, in order."""
        ...

    async def listed(self, prefix: str, after: str, limit: int) -> list[Listed]:
        """Whole objects whose names begin so, behind another one in the store's own order, at most ``limit``."""
        ...

    async def remove(self, name: str) -> None:
        """The object is gone; harmless when there was none."""
        ...


def is_name(name: str) -> bool:
    """Whether an object may be called so."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def checked(name: str) -> str:
    """The name; raises ValueError for one that is none, or that leaves its place."""
    if not is_name(name):
        raise ValueError(f"not an object name: {name!r}")
    return name


async def blocks(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in blocks of at least `BLOCK_BYTES`, the last one excepted."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= BLOCK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
