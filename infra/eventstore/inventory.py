"""The objects that events name, held against those that there are: what is missing, altered, or named by nobody."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from typing import Any, Protocol

import orjson
from cryptography.exceptions import InvalidTag

from infra.eventstore.envelope import StoredRecord
from infra.eventstore.sealing import SEALED_OBJECTS, associated
from infra.vault.keys import KeyMissing, Keyring


class ListedObjects(Protocol):
    """An object store that can say what it holds."""

    async def get(self, name: str) -> bytes | None:
        """The bytes, or None."""
        ...

    async def names(self) -> Sequence[str]:
        """The name of every object."""
        ...


class Inventory:
    """Looks at each event's objects as the log is read. Those of a space whose key is destroyed are to be gone."""

    def __init__(self, objects: ListedObjects, keyring: Keyring) -> None:
        self._objects = objects
        self._keyring = keyring
        self._there: frozenset[str] = frozenset()
        self.named: set[str] = set()
        """Objects that an event names and that are there."""

    async def open(self) -> None:
        """Takes the list of what is there, before the log is read: what comes later is not missed."""
        self._there = frozenset(n for n in await self._objects.names() if n.startswith(SEALED_OBJECTS))

    async def look(self, record: StoredRecord) -> list[str]:
        """What is wrong with the objects of one event."""
        if b'"object":' not in record.state:
            return []
        try:
            payload = orjson.loads(record.state)
        except orjson.JSONDecodeError:
            return []  # its hash has said so
        found = [
            (f, wire)
            for f, wire in payload.items()
            if isinstance(wire, dict) and {"key", "nonce", "object"} <= wire.keys()
        ]
        wrong = [await self._problem(record, field, wire) for field, wire in found]
        return [f"position {record.position}: {text}" for text in wrong if text]

    def orphans(self) -> list[str]:
        """Objects that were there before the log was read and that none of its events names."""
        return sorted(self._there - self.named)

    async def _problem(self, record: StoredRecord, field: str, wire: dict[str, Any]) -> str:
        name = wire["object"]
        try:
            key = self._keyring.cached(wire["key"]) or await self._keyring.by_id(wire["key"])
        except KeyMissing as missing:
            return str(missing)
        if key is None:
            return ""
        sealed = await self._objects.get(name)
        if sealed is None:
            return f"object {name} of field {field} is gone"
        self.named.add(name)
        try:
            key.open(a2b_base64(wire["nonce"]), sealed, associated(record.originator_id, record.topic, field))
        except InvalidTag:
            return f"object {name} of field {field} was altered"
        return ""
