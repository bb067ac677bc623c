"""The log as the ``eventsourcing`` library's recorder and factory: for its contract tests, replay tools and a REPL.

A thin synchronous face: every call crosses into the event loop that owns the connections. ProcessRecorder and
TrackingRecorder do not apply, since positions live in the read databases.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    StoredEvent,
    Subscription,
)
from nats.aio.msg import Msg

from infra.eventstore.connection import GuardedConnection, reading
from infra.eventstore.envelope import StoredRecord
from infra.eventstore.log import Conflict, LogUnavailable, Unknown
from infra.eventstore.reading import subject_of
from infra.nats.connecting import Connect

T = TypeVar("T")


class JetStreamRecorder:
    """The asynchronous recorder: what the synchronous one calls, in the event loop."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._guarded = GuardedConnection(connect, ())

    async def open(self) -> JetStreamRecorder:
        """Connects behind the guard."""
        await self._guarded.open()
        self.nc, self._reader, _ = await reading(self._connect)
        return self

    async def close(self) -> None:
        """Ends the connections."""
        await self._guarded.close()
        await self.nc.close()

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[int]:
        """Appends all or none; raises Conflict when a version is taken or not the next."""
        if not events:
            return []
        expected: dict[str, int] = {}
        versions: dict[str, int] = {}
        for event in events:
            name = str(event.originator_id)
            if name not in expected:
                last = await self._reader.last(subject_of(name))
                expected[name] = last.position if last else 0
                versions[name] = last.originator_version if last else event.originator_version - 1
            if event.originator_version != versions[name] + 1:
                raise Conflict(f"{name} stands at version {versions[name]}")
            versions[name] += 1
        writer = await self._guarded.writer()
        first = await writer.append([_record(e) for e in events], expected)
        return list(range(first, first + len(events)))

    async def select_events(
        self, name: str, gt: int | None, lte: int | None, desc: bool, limit: int | None
    ) -> list[StoredEvent]:
        """A stream's events within the bounds."""
        found = [
            _event(record)
            async for page in self._reader.pages(subject_of(name))
            for record in page
            if (gt is None or record.originator_version > gt) and (lte is None or record.originator_version <= lte)
        ]
        return (found[::-1] if desc else found)[:limit]

    async def select_notifications(
        self, start: int, limit: int, stop: int | None, topics: Sequence[str]
    ) -> list[Notification]:
        """Events in log order from ``start`` on."""
        found: list[Notification] = []
        async for page in self._reader.pages("events.>", max(start, 1)):
            for record in page:
                if len(found) == limit or (stop is not None and record.position > stop):
                    return found
                if not topics or record.topic in topics:
                    found.append(_notification(record))
        return found

    async def max_notification_id(self) -> int | None:
        """The position of the last event, None when there is none."""
        return int((await self._reader.info())["state"]["last_seq"]) or None


class LibraryRecorder(ApplicationRecorder):
    """The library's ApplicationRecorder over a loop in a thread of its own."""

    def __init__(self, connect: Connect) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="library-recorder", daemon=True)
        self._thread.start()
        self._recorder = self.run(JetStreamRecorder(connect).open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs in the loop's thread and waits; our errors become the library's."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
        except Conflict as error:
            raise IntegrityError(str(error)) from error
        except (LogUnavailable, Unknown) as error:
            raise OperationalError(str(error)) from error

    def close(self) -> None:
        """Ends connections, loop and thread."""
        self.run(self._recorder.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends all or none; IntegrityError when a version is taken."""
        return self.run(self._recorder.insert_events(stored_events))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's events within the bounds."""
        return self.run(self._recorder.select_events(str(originator_id), gt, lte, desc, limit))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in log order."""
        first = (start or 0) + (0 if inclusive_of_start else 1)
        return self.run(self._recorder.select_notifications(first, limit, stop, topics))

    def max_notification_id(self) -> int | None:
        """The position of the last event."""
        return self.run(self._recorder.max_notification_id())

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Recorded events, then new ones as they come."""
        return JetStreamSubscription(self, gt, topics)

    def listen(self, wake: threading.Event) -> Any:
        """Sets the event whenever something is appended; returns the NATS subscription."""

        async def arrived(_: Msg) -> None:
            wake.set()

        return self.run(self._recorder.nc.subscribe("events.>", cb=arrived))


class LibraryAggregateRecorder(LibraryRecorder):
    """The library's AggregateRecorder: streams alone, so an insert tells no positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends all or none; IntegrityError when a version is taken."""
        super().insert_events(stored_events, **kwargs)
        return None


class JetStreamSubscription(ListenNotifySubscription[LibraryRecorder]):
    """The library's pulling subscription, woken by the arrival of messages."""

    def __init__(self, recorder: LibraryRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._listening = recorder.listen(self._has_been_notified)
        self._has_been_notified.set()

    def stop(self) -> None:
        """Stops the iteration and the listening."""
        listening, self._listening = getattr(self, "_listening", None), None
        if listening is not None:
            self._recorder.run(listening.unsubscribe())
        super().stop()


def _record(event: StoredEvent) -> StoredRecord:
    headers = {"ce-type": event.topic, "ce-streamversion": str(event.originator_version)}
    return StoredRecord(event.originator_id, event.originator_version, event.topic, event.state, headers)


def _event(record: StoredRecord) -> StoredEvent:
    return StoredEvent(record.originator_id, record.originator_version, record.topic, record.state)


def _notification(record: StoredRecord) -> Notification:
    return Notification(record.originator_id, record.originator_version, record.topic, record.state, id=record.position)
