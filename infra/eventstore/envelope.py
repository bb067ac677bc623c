"""An event's envelope: CloudEvents 1.0 in NATS' binary mode, and the hash that chains a stream.

Header = ``ce-`` + attribute; values are percent-encoded (CloudEvents NATS protocol binding §3.1.3.2). The hash is
sha-256 over the stream's previous hash, every ``ce-*`` header but ``ce-hash`` as stored, and the payload as stored;
headers that start with ``Nats-`` belong to the server and are not hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from eventsourcing.persistence import StoredEvent

from events.event import Metadata, Stream

SUBJECT_PREFIX = "events."
_PLAIN = frozenset(chr(c) for c in range(0x21, 0x7F)) - frozenset('"%')


@dataclass(frozen=True)
class StoredRecord(StoredEvent):
    """The library's stored event with its envelope. ``position`` and ``recorded_at`` are the log's, 0 before."""

    headers: Mapping[str, str] = field(default_factory=dict)
    position: int = 0
    recorded_at: datetime | None = None
    payload: dict[str, Any] | None = None
    """The opened payload; None until the sealed fields have been opened."""

    def opened(self, payload: dict[str, Any]) -> StoredRecord:
        """The same record with its payload. `dataclasses.replace` would cost four times as much, for every event."""
        record = object.__new__(StoredRecord)
        record.__dict__.update(self.__dict__, payload=payload)
        return record

    @property
    def subject(self) -> str:
        """Where it lies."""
        return SUBJECT_PREFIX + str(self.originator_id)

    @property
    def hash(self) -> str:
        """Its link of the chain; empty for a message that is no event."""
        return self.headers.get("ce-hash", "")


def quote(value: str) -> str:
    """Percent-encodes what a header may not hold; decoded once by `unquote_value`."""
    if all(c in _PLAIN for c in value):
        return value
    return "".join(c if c in _PLAIN else "".join(f"%{b:02X}" for b in c.encode("utf-8")) for c in value)


def unquote_value(value: str) -> str:
    """The text of a header value; raises UnicodeDecodeError for bytes that are no UTF-8."""
    return unquote(value, errors="strict") if "%" in value else value


def link(previous: str, headers: Mapping[str, str], payload: bytes) -> str:
    """The hash of an event: 64 hex digits."""
    lines = [f"\n{name}:{headers[name]}" for name in _linked(tuple(headers))]
    return hashlib.sha256(b"".join((previous.encode("ascii"), "".join(lines).encode(), b"\n\n", payload))).hexdigest()


@lru_cache(maxsize=256)
def _linked(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the headers that are hashed, in the order of the hash; events of a kind have the same ones."""
    return tuple(sorted(name for name in names if name.startswith("ce-") and name != "ce-hash"))


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def headers_of(
    *, log_id: str, stream: Stream, type_: str, schema_version: int, version: int, index: int, meta: Metadata
) -> dict[str, str]:
    """Every ``ce-*`` header of an event but the two of the chain."""
    headers = {
        "ce-id": f"{meta.command_id}.{index}",
        "ce-source": f"urn:cozeloop:{log_id}",
        "ce-type": type_,
        "ce-time": timestamp(meta.occurred_at),
        "ce-specversion": "1.0",
        "ce-subject": str(stream),
        "ce-dataschema": f"urn:cozeloop:event:{type_}:{schema_version}",
        "ce-datacontenttype": "application/json",
        "ce-streamversion": str(version),
        "ce-actor": quote(meta.actor),
        "ce-commandid": quote(meta.command_id),
        "ce-correlation": quote(meta.correlation),
    }
    if meta.command_digest:
        headers["ce-commanddigest"] = quote(meta.command_digest)
    if meta.causation:
        headers["ce-causation"] = quote(meta.causation)
    return headers


def metadata_of(headers: Mapping[str, str]) -> Metadata:
    """Who, why and when, read back from the envelope."""
    return Metadata(
        actor=unquote_value(headers["ce-actor"]),
        command_id=unquote_value(headers["ce-commandid"]),
        occurred_at=datetime.fromisoformat(headers["ce-time"]),
        command_digest=unquote_value(headers.get("ce-commanddigest", "")),
        causation=unquote_value(headers.get("ce-causation", "")),
        correlation=unquote_value(headers.get("ce-correlation", "")),
    )


def stored(subject: str, headers: Mapping[str, str], data: bytes, sequence: int, at: datetime | None) -> StoredRecord:
    """A message of the stream as the library's stored event; one without an envelope fails the check of its hash."""
    version = headers.get("ce-streamversion", "")
    return StoredRecord(
        originator_id=subject[len(SUBJECT_PREFIX) :],
        originator_version=int(version) if version.isdecimal() else 0,
        topic=headers.get("ce-type", ""),
        state=data,
        headers=headers,
        position=sequence,
        recorded_at=at,
    )
