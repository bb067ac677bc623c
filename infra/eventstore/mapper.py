"""Between events and the library's stored events. Both methods are ours: payloads are plain JSON, versions upcast.

Sealing, opening and object fetches need I/O and happen in the awaiting halves around (`sealing`); what arrives here
is a payload that is ready, so that both directions are pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from events.event import Event, Metadata, Recorded, Stream
from infra.eventstore.envelope import StoredRecord, headers_of, link, metadata_of
from infra.eventstore.log import Damaged, Tail, UnknownEvent


class Chain:
    """The growing end of one stream while its new events are mapped."""

    def __init__(self, tail: Tail) -> None:
        self.version = tail.version
        self.hash = tail.hash


@dataclass(frozen=True)
class Envelope:
    """A new event on its way into the log, with its payload already sealed. The library's domain event on writes."""

    originator_id: str
    originator_version: int
    stream: Stream
    event: Event
    payload: dict[str, Any]
    meta: Metadata
    index: int
    chain: Chain


@dataclass(frozen=True)
class Sourced:
    """An event read back. The library's domain event on reads."""

    originator_id: str
    originator_version: int
    recorded: Recorded[Any]


class EnvelopeMapper(Mapper[str]):
    """Maps `Envelope` to `StoredRecord` and an opened `StoredRecord` to `Sourced`."""

    def __init__(self, log_id: str, events: Mapping[str, type[Event]]) -> None:
        super().__init__(JSONTranscoder())
        self._log_id = log_id
        self._events = events

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Payload to bytes, headers, and the next link of the stream's chain."""
        envelope: Envelope = domain_event
        event, chain = envelope.event, envelope.chain
        headers = headers_of(
            log_id=self._log_id,
            stream=envelope.stream,
            type_=type(event).__name__,
            schema_version=event.schema_version,
            version=envelope.originator_version,
            index=envelope.index,
            meta=envelope.meta,
        )
        payload = envelope.payload
        if event.header_fields:
            totals = {name: payload[name] for name in event.header_fields}
            payload = {k: v for k, v in payload.items() if k not in totals}
            headers["ce-totals"] = orjson.dumps(totals).decode().replace('"', "%22")
        state = orjson.dumps(payload)
        if chain.hash:
            headers["ce-prevhash"] = chain.hash
        headers["ce-hash"] = chain.hash = link(chain.hash, headers, state)
        return StoredRecord(
            originator_id=envelope.originator_id,
            originator_version=envelope.originator_version,
            topic=headers["ce-type"],
            state=state,
            headers=headers,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event of an opened record for the library; raises UnknownEvent or Damaged."""
        assert isinstance(stored_event, StoredRecord)
        return Sourced(str(stored_event.originator_id), stored_event.originator_version, self.recorded(stored_event))

    def recorded(self, record: StoredRecord, opened: dict[str, Any] | None = None) -> Recorded[Any]:
        """The event of a record, upcast to today's version; ``opened`` is its payload, unless the record has it.

        Raises UnknownEvent or Damaged.
        """
        headers = record.headers
        cls, written = self._class_of(record)
        payload: dict[str, Any] = opened or record.payload or orjson.loads(record.state)
        if "ce-totals" in headers:
            payload = {**payload, **orjson.loads(headers["ce-totals"].replace("%22", '"'))}
        for version in range(written, cls.schema_version):
            payload = cls.upcasts[version](dict(payload))
        try:
            event = cls.model_validate(payload)
        except ValueError as error:
            raise Damaged(f"position {record.position}: {cls.__name__} cannot be read: {error}") from error
        return Recorded(
            event=event,
            stream=Stream.parse(str(record.originator_id)),
            version=record.originator_version,
            position=record.position,
            id=headers["ce-id"],
            recorded_at=record.recorded_at,
            meta=metadata_of(headers),
            hash=record.hash,
        )

    def known(self, record: StoredRecord) -> type[Event]:
        """The record's event class; raises UnknownEvent for a type or version from another release."""
        return self._class_of(record)[0]

    def _class_of(self, record: StoredRecord) -> tuple[type[Event], int]:
        """The class, and the version in which the record was written."""
        cls = self._events.get(record.topic)
        version = schema_version(record.headers)
        if cls is None or version > cls.schema_version:
            raise UnknownEvent(
                f"position {record.position}: this release does not know {record.topic} version {version}"
            )
        return cls, version


def schema_version(headers: Mapping[str, str]) -> int:
    """The payload's version, the last part of ``ce-dataschema``."""
    return int(headers["ce-dataschema"].rpartition(":")[2])


def check_link(record: StoredRecord, previous: str | None) -> None:
    """Raises Damaged unless the record carries the hash of its content (and of ``previous``, when given)."""
    named = record.headers.get("ce-prevhash", "")
    if record.hash != link(named, record.headers, record.state):
        raise Damaged(f"position {record.position}, stream {record.originator_id}: the content is not what was hashed")
    if previous is not None and named != previous:
        raise Damaged(f"position {record.position}, stream {record.originator_id}: the chain is broken before it")
