"""Committed versions ready to be sent: the memory behind mget.

A committed version never changes, so its bytes are kept by (prompt, version). What a key stands for does change:
a pointer is believed only while the read model has not changed since the pointer was read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from weakref import WeakKeyDictionary

import orjson

from cozeloop.api.prompts import translate
from projections.prompts.prompts import Pointer

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of versions that one process remembers."""
MOST_POINTERS = 100_000

Ask = Callable[[str, list[str]], Awaitable[Mapping[str, Pointer]]]


class Versions:
    """The answers of one platform's prompts, most recently used last."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0
        self._pointers: dict[tuple[str, str], Pointer | None] = {}
        self._position = -1

    async def pointers(self, position: int, space: str, keys: Iterable[str], ask: Ask) -> dict[str, Pointer | None]:
        """What the keys stand for since the model last changed, at ``position``; unknown ones are asked for."""
        if position != self._position or len(self._pointers) > MOST_POINTERS:
            self._pointers, self._position = {}, position
        wanted = list(dict.fromkeys(keys))
        known = {key: self._pointers[space, key] for key in wanted if (space, key) in self._pointers}
        if unknown := [key for key in wanted if key not in known]:
            found = await ask(space, unknown)
            known |= {key: found.get(key) for key in unknown}
            if position == self._position:
                self._pointers |= {(space, key): found.get(key) for key in unknown}
        return known

    def body(self, prompt_id: str, version: str) -> bytes | None:
        """The JSON of a version, None when it is not remembered."""
        found = self._bodies.get((prompt_id, version))
        if found is not None:
            self._bodies.move_to_end((prompt_id, version))
        return found

    def remember(self, prompt_id: str, version: str, body: bytes) -> None:
        """Keeps a version's JSON; the least recently used make room."""
        self._bytes += len(body) - len(self._bodies.get((prompt_id, version), b""))
        self._bodies[prompt_id, version] = body
        while self._bytes > MOST_BYTES:
            _, dropped = self._bodies.popitem(last=False)
            self._bytes -= len(dropped)


_OF_PLATFORM: WeakKeyDictionary[object, Versions] = WeakKeyDictionary()


def versions_of(database: object) -> Versions:
    """The memory that belongs to a platform's read database."""
    found = _OF_PLATFORM.get(database)
    if found is None:
        found = _OF_PLATFORM[database] = Versions()
    return found


def forget() -> None:
    """Drops what is remembered of every platform: a space was erased."""
    _OF_PLATFORM.clear()


def body_of(space: str, key: str, version: str, detail: str | bytes) -> bytes:
    """A version as SDKs fetch it, from the JSON of its detail."""
    return orjson.dumps(translate.openapi_prompt(space, key, version, orjson.loads(detail)))
