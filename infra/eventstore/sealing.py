"""Sealed fields: what a user typed is stored encrypted under its space's key, large values in the object store.

Wire form of a sealed field: ``{"key", "nonce", "sealed"}``, or ``{"key", "nonce", "object"}`` when the sealed bytes
are longer than the event's ``inline_limit``; nonce and sealed are base64. The associated data is
``stream/event type/field``, so that a sealed value cannot be moved. AES-GCM as in NIST SP 800-38D.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from typing import Any, Protocol

import orjson
from cryptography.exceptions import InvalidTag

from events.event import Erased, Event, Stream
from infra.eventstore.envelope import StoredRecord
from infra.eventstore.log import Damaged
from infra.vault.keys import Keyring, SpaceKey

SEALED_OBJECTS = "sealed/"
"""What the names of sealed values begin with; the space follows."""


class ObjectStore(Protocol):
    """Where large sealed values lie."""

    async def put(self, name: str, data: bytes) -> None:
        """Durable when it returns."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The bytes, or None."""
        ...


class Sealer:
    """Seals and opens payloads: the awaiting halves around the mapper."""

    def __init__(self, keyring: Keyring, objects: ObjectStore) -> None:
        self._keyring = keyring
        self._objects = objects

    async def seal(self, event: Event, stream: Stream) -> dict[str, Any]:
        """The payload as it is stored. Raises KeyMissing when the space has no key."""
        payload = event.model_dump(mode="json")
        fields = event.sealed_fields()
        if not fields:
            return payload
        key = self._keyring.current(stream.space) or await self._keyring.of(stream.space)
        for name in fields:
            plain = orjson.dumps(payload[name])
            nonce, sealed = key.seal(plain, associated(stream.name, type(event).__name__, name))
            wire = {"key": key.id, "nonce": b64encode(nonce).decode()}
            if len(sealed) > event.inline_limit:
                wire["object"] = f"{SEALED_OBJECTS}{stream.space}/{key.digest(nonce + plain)}"
                await self._objects.put(wire["object"], sealed)
            else:
                wire["sealed"] = b64encode(sealed).decode()
            payload[name] = wire
        return payload

    async def open(self, record: StoredRecord, cls: type[Event]) -> dict[str, Any]:
        """The payload with every sealed field opened; `Erased` where the key has been destroyed."""
        payload: dict[str, Any] = orjson.loads(record.state)
        for name in cls.sealed_names():
            wire = payload.get(name)
            if isinstance(wire, dict) and "nonce" in wire and "key" in wire:
                key = self._keyring.cached(wire["key"])
                if key is None or "object" in wire:
                    payload[name] = await self._fetched(record, name, wire)
                else:
                    payload[name] = _unsealed(key, a2b_base64(wire["sealed"]), record, name, wire)
        return payload

    async def _fetched(self, record: StoredRecord, name: str, wire: dict[str, str]) -> Any:
        """A value whose key or sealed bytes are not at hand."""
        key = await self._keyring.by_id(wire["key"])
        if key is None:
            return Erased()
        sealed = await self._objects.get(wire["object"]) if "object" in wire else a2b_base64(wire["sealed"])
        if sealed is None:
            raise Damaged(f"position {record.position}: object {wire['object']} of field {name} is gone")
        return _unsealed(key, sealed, record, name, wire)


def _unsealed(key: SpaceKey, sealed: bytes, record: StoredRecord, name: str, wire: dict[str, str]) -> Any:
    try:
        plain = key.open(a2b_base64(wire["nonce"]), sealed, associated(record.originator_id, record.topic, name))
    except InvalidTag as error:
        raise Damaged(f"position {record.position}: field {name} was altered or moved") from error
    return orjson.loads(plain)


def associated(stream: Any, type_: str, field: str) -> bytes:
    """What a sealed value is bound to."""
    return f"{stream}/{type_}/{field}".encode()
