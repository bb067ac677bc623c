"""What an operator may ask of a platform: its events, whether the log is whole, read models built anew.

Every answer is a stream of plain JSON objects, so that the same lines come over HTTP from a running platform and
from a command that works alone on a data directory.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cozeloop.backup.making import Backup
from cozeloop.erasing import Erasing
from cozeloop.examining import Examination
from cozeloop.platform import EventQuery
from cozeloop.resetting import ResetCodes
from events.event import Recorded, Stream, Unrecognised
from infra.eventstore.anchor import AnchorFile
from infra.eventstore.inventory import Inventory
from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.verify import NOT_DETECTED, verify
from projections.projector import ReadModel

PAGE = 500
Rebuild = Callable[[], AsyncIterator[Mapping[str, Any]]]
SPACE = re.compile(r"[0-9]{1,19}")
WORD = re.compile(r"[A-Za-z0-9_-]{1,128}")


class UnknownReadModel(ValueError):
    """No read model has this name; the text lists those that there are."""


class Replayer(Protocol):
    """Builds read models anew beside the live ones."""

    def replay(self, models: Sequence[ReadModel]) -> AsyncIterator[Mapping[str, Any]]:
        """Progress as {"read_model", "done", "total", "state"}, the last one of each with state ``switched``."""
        ...

    def replay_parked(self, models: Sequence[ReadModel]) -> AsyncIterator[Mapping[str, Any]]:
        """What came of each parked stream as {"read_model", "stream", "events", "state"}."""
        ...


class LogOperations:
    """Operations on an open log and its read models."""

    def __init__(
        self,
        log: JetStreamLog,
        anchor: AnchorFile,
        read_models: Sequence[ReadModel],
        replayer: Replayer,
        erasing: Erasing,
        inventory: Callable[[], Inventory],
        backup: Backup,
        examination: Examination,
        codes: ResetCodes,
    ) -> None:
        self._log = log
        self._anchor = anchor
        self._read_models = {model.name: model for model in read_models}
        self._replayer = replayer
        self._erasing = erasing
        self._inventory = inventory
        self._backup = backup
        self._examination = examination
        self._codes = codes
        self.apart: dict[str, Rebuild] = {}
        """What can be built anew beside the read models of the log, when it is named."""
        self.spans: Callable[[], AsyncIterator[Mapping[str, Any]]] | None = None
        """Reads the stream of spans; the last line is the verdict."""

    def reset_code(self, email: str) -> AsyncIterator[Mapping[str, Any]]:
        """A one-time code for whoever has this e-mail; raises NobodyRegistered."""
        return self._codes.issue(email)

    async def events(self, query: EventQuery) -> AsyncIterator[Mapping[str, Any]]:
        """The events wanted, oldest first."""
        after = query.after
        if query.since is not None:
            first = await self._log.reader.first_since(query.since)
            if first is None:
                return
            after = max(after, first - 1)
        left = query.limit
        while left > 0:
            size = PAGE if query.type else min(PAGE, left)
            found, after = await self._log.search(query.type, after, size, subject_filter(query))
            for recorded in found[:left]:
                yield as_json(recorded)
            left -= len(found)
            if not after:
                return

    async def event(self, position: int) -> Mapping[str, Any] | None:
        """One event by its position."""
        found = await self._log.read_all(position - 1, 1) if position > 0 else []
        return as_json(found[0]) if found and found[0].position == position else None

    async def verify(self) -> AsyncIterator[Mapping[str, Any]]:
        """Progress, and the verdict last (``final``): ``clean`` is the log's, ``spans`` has problems of its own."""
        last: Mapping[str, Any] = {}
        async for report in verify(self._log.reader, self._anchor.anchor, objects=self._inventory()):
            last = {
                "done": report.done,
                "total": report.total,
                "events": report.events,
                "streams": report.streams,
                "digest": report.digest,
                "accepted": report.accepted,
                "objects": report.objects,
                "orphans": list(report.orphans),
                "problems": list(report.problems),
                "final": False,
            }
            yield last
        spans: Mapping[str, Any] = {}
        if self.spans is not None:
            async for spans in self.spans():
                yield {**last, "spans": spans}
        clean = not last["problems"]
        yield {**last, "spans": spans, "final": True, "clean": clean, "not_detected": NOT_DETECTED}

    async def replay(self, names: Sequence[str], parked: bool = False) -> AsyncIterator[Mapping[str, Any]]:
        """Builds the named read models anew, all of them when none is named; raises UnknownReadModel.

        With ``parked`` only what they parked is applied, to the tables as they are.
        """
        unknown = [name for name in names if name not in self._read_models and name not in self.apart]
        if unknown:
            known = ", ".join(sorted([*self._read_models, *self.apart]))
            raise UnknownReadModel(f"no read model is called {unknown[0]}; there are: {known}")
        for name in [n for n in names if n in self.apart and not parked]:
            async for progress in self.apart[name]():
                yield progress
        models = [self._read_models[n] for n in names if n in self._read_models]
        if not models and names:
            return
        models = models or list(self._read_models.values())
        replayed = self._replayer.replay_parked(models) if parked else self._replayer.replay(models)
        async for progress in replayed:
            yield progress

    async def doctor(self) -> AsyncIterator[Mapping[str, Any]]:
        """What each check finds."""
        async for line in self._examination.run():
            yield line

    async def backup(self, target: Path, with_key: bool) -> AsyncIterator[Mapping[str, Any]]:
        """Writes a backup; raises ArchiveUnusable for a place that cannot be used."""
        if not target.is_absolute():
            raise ValueError(f"target: {target} is not an absolute path")
        async for line in self._backup.make(target, with_key):
            yield line

    async def erase(self, space: str) -> AsyncIterator[Mapping[str, Any]]:
        """Destroys the space's key and what was made of its content; raises ValueError for what is no space's id."""
        if not SPACE.fullmatch(space):
            raise ValueError(f"not the id of a space: {space!r}")
        async for line in self._erasing.erase(space):
            yield line


def subject_filter(query: EventQuery) -> str:
    """The narrowest subject that holds every event wanted; raises ValueError for what names no stream."""
    if query.stream:
        return str(Stream.parse(query.stream))
    for name, word in (("space", query.space), ("capability", query.capability)):
        if word and not WORD.fullmatch(word):
            raise ValueError(f"not the name of a {name}: {word!r}")
    if query.capability:
        return f"{query.space or '*'}.{query.capability}.>"
    return f"{query.space}.>" if query.space else ">"


def event_type(recorded: Recorded[Any]) -> str:
    """The wire name, also of an event that this release does not know."""
    event = recorded.event
    return event.type if isinstance(event, Unrecognised) else type(event).__name__


def as_json(recorded: Recorded[Any]) -> Mapping[str, Any]:
    """An event with its envelope, opened."""
    event = recorded.event
    known = not isinstance(event, Unrecognised)
    return {
        "position": recorded.position,
        "stream": str(recorded.stream),
        "version": recorded.version,
        "type": event_type(recorded),
        "schema_version": event.schema_version if known else event.version,
        "id": recorded.id,
        "occurred_at": recorded.meta.occurred_at.isoformat(),
        "recorded_at": recorded.recorded_at.isoformat() if recorded.recorded_at else None,
        "actor": recorded.meta.actor,
        "command_id": recorded.meta.command_id,
        "causation": recorded.meta.causation,
        "correlation": recorded.meta.correlation,
        "hash": recorded.hash,
        "payload": event.model_dump(mode="json") if known else None,
    }
