"""The event log on JetStream: cached states, guarded appends, sealed payloads, reads as of any position."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from eventsourcing.persistence import EventStore
from nats.aio.client import Client

from events.event import Event, Metadata, Recorded, Stream, Unrecognised
from infra.eventstore.as_of import whole
from infra.eventstore.cache import StateCache
from infra.eventstore.connection import GuardedConnection, reading
from infra.eventstore.envelope import StoredRecord, metadata_of
from infra.eventstore.folding import Prefetched
from infra.eventstore.guard import ADVICE, Witness, log_id_of, lost_of, name_of
from infra.eventstore.loading import Loader
from infra.eventstore.log import (
    Append,
    Conflict,
    Damaged,
    Issue,
    LastOnly,
    Loaded,
    LossNoticed,
    Seen,
    Tail,
    UnknownEvent,
)
from infra.eventstore.mapper import Chain, Envelope, EnvelopeMapper, check_link, schema_version
from infra.eventstore.reading import Reader
from infra.eventstore.requests import Requests
from infra.eventstore.sealing import ObjectStore, Sealer
from infra.eventstore.snapshots import Snapshots
from infra.gaps import Gaps
from infra.nats.connecting import Connect
from infra.sharing import Sharing
from infra.vault.keys import Keyring

S = TypeVar("S")
log = logging.getLogger(__name__)


class JetStreamLog:
    """The port `EventLog` on stream EVENTS. Open it, use it from one event loop, close it.

    While ``shortage`` says why nothing may be written, appends raise NoRoom.
    """

    def __init__(
        self,
        connect: Connect,
        events: Mapping[str, type[Event]],
        keyring: Keyring,
        objects: ObjectStore,
        witnesses: Sequence[Witness] = (),
        *,
        cached_states: int = 4096,
        timeout: float = 5.0,
        shortage: Callable[[], str] = lambda: "",
        snapshots: Snapshots | None = None,
    ) -> None:
        self._snapshots = snapshots
        self._connect = connect
        self._events = events
        self._timeout = timeout
        self._sealer = Sealer(keyring, objects)
        self._cache = StateCache(cached_states)
        self.guarded = GuardedConnection(connect, witnesses, timeout=timeout, shortage=shortage)
        self._nc: Client
        self._reader: Reader
        self._requests: Requests
        self.name = "events"
        """What its positions are called."""
        self.lost = Gaps()
        """Positions that are gone and whose loss was accepted."""
        self._mapper: EnvelopeMapper
        self._loader: Loader

    async def open(self) -> str:
        """Connects behind the guard and returns the log's id; raises LogUnavailable.

        A log that is not the one that was written is opened for reading alone, and `stopped` says why.
        """
        try:
            await self.guarded.open()
        except LossNoticed as loss:
            self.guarded.stop(str(loss))
        self._nc, self._reader, self._requests = await reading(self._connect, self._timeout)
        info = await self._reader.info()
        log_id, self.name, self.lost = log_id_of(info), name_of(info), lost_of(info)
        self._mapper = EnvelopeMapper(log_id, self._events)
        if self._snapshots is not None:
            await self._snapshots.open(log_id)
        self._loader = Loader(self._reader, self._mapper, self._sealer, self._cache, self._snapshots)
        return log_id

    @property
    def stopped(self) -> str:
        """Why nothing is written any more, with the gap named; empty while all is well."""
        return self.guarded.stopped

    def stop(self, sentence: str) -> None:
        """Ends writing for good, since this was found in the log."""
        self.guarded.stop(f"{sentence}. {ADVICE}")

    def forget(self) -> None:
        """Drops every cached state: content of a space may be in it whose key is gone."""
        self._cache.clear()

    async def close(self) -> None:
        """Ends both connections."""
        await self.guarded.close()
        if hasattr(self, "_nc"):
            await self._nc.close()

    @property
    def reader(self) -> Reader:
        """Raw reads, for verification and operations."""
        return self._reader

    @property
    def requests(self) -> Requests:
        """The connection of reads, for tests that count what a command costs."""
        return self._requests

    # Loading

    async def load(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        last_only: LastOnly = False,
        fresh: bool = False,
    ) -> Loaded[S]:
        """Folds the streams in order; a cached state is taken as it is unless ``fresh``, then only its news is read."""
        return await self._loader.load(streams, initial, evolve, last_only, fresh)

    async def as_of(
        self,
        streams: Sequence[Stream],
        initial: S,
        evolve: Callable[[S, Event], S],
        *,
        position: int | None = None,
        time: datetime | None = None,
    ) -> Loaded[S]:
        """The state at a position or recorded time, inclusive; an atomic batch is in as a whole or not at all."""
        return await self._loader.as_of(streams, initial, evolve, position, time)

    async def whole(self, position: int | None = None, time: datetime | None = None) -> int:
        """The last position at or before the bound that cuts no batch; raises BeyondEnd for one not there yet."""
        return await whole(self._reader, position, time)

    # Appending

    async def append(self, appends: Sequence[Append], tails: Mapping[str, Tail], meta: Metadata) -> list[Recorded[Any]]:
        """All or none, durable when it returns; raises Conflict, Unknown or LogUnavailable."""
        return (await self._commit([Issue(appends, tails, meta)]))[0]

    async def append_group(self, issues: Sequence[Issue]) -> list[list[Recorded[Any]] | Conflict]:
        """Several commands on distinct streams as one atomic batch; when it is refused, one by one."""
        if len(issues) > 1:
            try:
                return list(await self._commit(issues))
            except (Conflict, ValueError):
                pass
        results: list[list[Recorded[Any]] | Conflict] = []
        for issue in issues:
            try:
                results.append((await self._commit([issue]))[0])
            except Conflict as conflict:
                results.append(conflict)
        return results

    async def _commit(self, issues: Sequence[Issue]) -> list[list[Recorded[Any]]]:
        mapped = [await self._map(issue) for issue in issues]
        records = [record for each in mapped for record in each]
        expected = {name: tail.position for issue in issues for name, tail in issue.tails.items()}
        writer = await self.guarded.writer()
        first = await writer.append(records, expected)
        committed: list[list[Recorded[Any]]] = []
        for issue, each in zip(issues, mapped, strict=True):
            committed.append(self._committed(issue, each, first))
            first += len(each)
        self.guarded.acknowledged(first - 1, records[-1].hash)
        return committed

    async def _map(self, issue: Issue) -> list[StoredRecord]:
        """An issue's events as stored records, sealed and chained, through the library's event store."""
        envelopes: list[Any] = []
        for append in issue.appends:
            tail = issue.tails[append.stream.name]
            chain = Chain(tail)
            for offset, event in enumerate(append.events, 1):
                envelopes.append(
                    Envelope(
                        originator_id=append.stream.name,
                        originator_version=tail.version + offset,
                        stream=append.stream,
                        event=event,
                        payload=await self._sealer.seal(event, append.stream),
                        meta=issue.meta,
                        index=len(envelopes),
                        chain=chain,
                    )
                )
        buffer = Prefetched()
        EventStore(self._mapper, buffer).put(envelopes)
        return buffer.written

    def _committed(self, issue: Issue, records: Sequence[StoredRecord], first: int) -> list[Recorded[Any]]:
        """What was appended, as it lies in the log, and the cached states carried forward."""
        recorded: list[Recorded[Any]] = []
        after: dict[str, Tail] = {}
        offset = 0
        for append in issue.appends:
            for event in append.events:
                record = records[offset]
                position = first + offset
                recorded.append(
                    Recorded(
                        event=event,
                        stream=append.stream,
                        version=record.originator_version,
                        position=position,
                        id=record.headers["ce-id"],
                        recorded_at=None,
                        meta=issue.meta,
                        hash=record.hash,
                    )
                )
                after[append.stream.name] = Tail(record.originator_version, position, record.hash)
                offset += 1
        events = {append.stream.name: append.events for append in issue.appends}
        seen = Seen(recorded[-1].position, issue.meta.command_digest)
        for key, advanced in self._cache.advance(issue.tails, after, events, seen, issue.meta.command_id):
            if self._snapshots is not None:
                self._snapshots.consider(key, advanced)
        return recorded

    # Reading in log order

    async def by_command(self, command_id: str, position: int) -> list[Recorded[Any]]:
        """Every event of the command that wrote ``position``: they lie next to each other."""
        record = await self._reader.at(position)
        if record is None:
            raise Damaged(f"position {position} is missing")
        start = position - int(record.headers["ce-id"].rpartition(".")[2])
        found: list[StoredRecord] = []
        async for page in self._reader.pages("events.>", start):
            for each in page:
                if metadata_of(each.headers).command_id != command_id:
                    return await self.decode(found)
                found.append(each)
        return await self.decode(found)

    async def fetch(self, after: int, limit: int, filter: str = ">") -> list[StoredRecord]:
        """Up to ``limit`` events after a position, in log order, as they are stored."""
        page, _ = await self._reader.page(f"events.{filter}", after + 1, limit)
        return page

    async def read_all(self, after: int, limit: int, filter: str = ">") -> list[Recorded[Any]]:
        """Up to ``limit`` events after a position, in log order."""
        return await self.decode(await self.fetch(after, limit, filter))

    async def search(self, type: str, after: int, limit: int, filter: str = ">") -> tuple[list[Recorded[Any]], int]:
        """Of up to ``limit`` events after a position those of a type, of any when it is empty; others are not opened.

        With them the last position that was looked at, 0 at the log's end.
        """
        page, _ = await self._reader.page(f"events.{filter}", after + 1, limit)
        found = await self.decode([record for record in page if not type or record.topic == type])
        return found, page[-1].position if page else 0

    async def history(self, filter: str, until: int) -> AsyncIterator[list[Recorded[Any]]]:
        """The events below a subject up to and including a position, in log order, page by page."""
        async for page in self._reader.pages(f"events.{filter}"):
            within = [record for record in page if record.position <= until]
            if within:
                yield await self.decode(within)
            if len(within) < len(page):
                return

    async def decode(self, records: Sequence[StoredRecord]) -> list[Recorded[Any]]:
        """Checked and opened events, for read models and readers of the log.

        One of a release that we do not know, or one that is damaged, stands as `Unrecognised`: what folds the log
        goes on without it, loudly, while loading its stream raises.
        """
        decoded: list[Recorded[Any]] = []
        sharing = Sharing()
        for record in records:
            await sharing.turn()
            try:
                check_link(record, None)
                payload = await self._sealer.open(record, self._mapper.known(record))
                decoded.append(self._mapper.recorded(record, payload))
            except UnknownEvent as unknown:
                log.warning("%s", unknown)
                decoded.append(_unrecognised(record))
            except Damaged as damage:
                log.critical("%s; commands on the stream are refused, look at `cozeloop verify`", damage)
                decoded.append(_damaged(record))
        return decoded

    async def end(self) -> int:
        """The position of the last event."""
        return int((await self._reader.info())["state"]["last_seq"])


def _damaged(record: StoredRecord) -> Recorded[Any]:
    try:
        return _unrecognised(record)
    except (LookupError, ValueError):
        nobody = Metadata("", "", datetime.fromtimestamp(0, UTC))
        unreadable = Unrecognised(type=record.topic, version=0)
        stream = Stream("_", "unreadable", str(record.position))
        return Recorded(unreadable, stream, 0, record.position, "", record.recorded_at, nobody, record.hash)


def _unrecognised(record: StoredRecord) -> Recorded[Any]:
    return Recorded(
        event=Unrecognised(type=record.topic, version=schema_version(record.headers)),
        stream=Stream.parse(str(record.originator_id)),
        version=record.originator_version,
        position=record.position,
        id=record.headers["ce-id"],
        recorded_at=record.recorded_at,
        meta=metadata_of(record.headers),
        hash=record.hash,
    )
