"""A command's way: its streams, their state, its decision, the append, the receipt.

Everything a caller may learn afterwards is a function of the receipt, never of the command just built: the same
command id issued again, in another process or after a restart, is answered from the log.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from commands.command import Command, Context, Decider, Refusal, To
from events.event import Event, Metadata, Recorded, Stream
from infra.eventstore.log import Append, Conflict, EventLog, Loaded, LogUnavailable, Tail, Unknown

E = TypeVar("E", bound=Event)
ATTEMPTS = 8

Tails = Mapping[str, Tail]
Prepare = Callable[[Any, Tails], Awaitable[Any]]
"""Puts facts of read models into a command, standing at the position that the append then expects."""


class CommandReused(Refusal):
    """The idempotency key was used before with another body."""


class Contended(Exception):
    """Others kept winning on the same stream; nothing was stored. Worth another try."""


@dataclass(frozen=True)
class Issued:
    """Who issues, and under which id. ``keyed``: the caller chose the id, so it may have been used before."""

    actor: str
    command_id: str
    digest: str = ""
    keyed: bool = False
    causation: str = ""
    correlation: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a command did. ``position`` is that of its last event; 0 when there was nothing to do."""

    command_id: str
    position: int
    events: Sequence[Recorded[Any]]

    def one(self, type_: type[E]) -> E | None:
        """The command's first event of this class."""
        return next((r.event for r in self.events if isinstance(r.event, type_)), None)


class Commands(Protocol):
    """Where a command id was seen: the read model behind idempotency keys."""

    async def find(self, command_id: str) -> tuple[int, str] | None:
        """Position and digest of a command that wrote something, at least up to the log's end as of the call."""
        ...


class CommandHandler:
    """Handles commands one turn per stream within this process; between processes the log's expectation decides."""

    def __init__(
        self,
        log: EventLog,
        deciders: Mapping[type[Command], Decider[Any, Any]],
        now: Callable[[], datetime],
        commands: Commands | None = None,
    ) -> None:
        self._log = log
        self._deciders = deciders
        self._now = now
        self._commands = commands
        self._turns = Turns()

    async def __call__(self, command: Command, issued: Issued, prepare: Prepare | None = None) -> Receipt:
        """Decides and appends; raises the decider's Refusal, Contended, Unknown or LogUnavailable."""
        decider = self._deciders[type(command)]
        if issued.keyed and self._commands and (found := await self._commands.find(issued.command_id)):
            return await self._again(issued, *found)
        async with self._turns.of(decider.streams(command, decider.initial)[:1]):
            return await self._turn(decider, command, issued, prepare)

    async def seen(self, command_id: str) -> bool:
        """Whether this command was done before, as far as the log's end of now."""
        return self._commands is not None and await self._commands.find(command_id) is not None

    async def _turn(
        self, decider: Decider[Any, Any], command: Command, issued: Issued, prepare: Prepare | None
    ) -> Receipt:
        blind = decider.blind and prepare is None
        fresh = False
        for _ in range(ATTEMPTS):
            loaded = await self._load(decider, command, fresh, blind)
            if seen := loaded.commands.get(issued.command_id):
                return await self._again(issued, seen.position, seen.digest)
            prepared = await prepare(command, loaded.tails) if prepare else command
            context = Context(now=self._now(), actor=issued.actor)
            try:
                decided = decider.decide(loaded.state, prepared, context)
            except Refusal:
                if not (loaded.cached or blind):
                    raise
                decided = []
            if not decided:
                if loaded.cached or blind:
                    fresh, blind = True, False
                    continue
                return Receipt(issued.command_id, 0, ())
            first = decider.streams(prepared, loaded.state)[0]
            meta = Metadata(
                actor=issued.actor,
                command_id=issued.command_id,
                occurred_at=context.now,
                command_digest=issued.digest,
                causation=issued.causation,
                correlation=issued.correlation or issued.command_id,
            )
            try:
                recorded = await self._log.append(by_stream(first, decided), loaded.tails, meta)
            except Conflict:
                fresh, blind = True, False
                continue
            except Unknown:
                return await self._resolve(decider, command, issued)
            return Receipt(issued.command_id, recorded[-1].position, recorded)
        raise Contended(f"{type(command).__name__}: {ATTEMPTS} attempts lost against others")

    async def _load(self, decider: Decider[Any, Any], command: Command, fresh: bool, blind: bool) -> Loaded[Any]:
        """The state over every stream that the decision names, with those that the state itself brings up."""
        streams = decider.streams(command, decider.initial)
        if blind:
            return Loaded(decider.initial, {str(s): Tail() for s in streams})
        while True:
            loaded = await self._log.load(
                streams, decider.initial, decider.evolve, last_only=decider.last_only, fresh=fresh
            )
            wanted = decider.streams(command, loaded.state)
            if set(wanted) <= set(streams):
                return loaded
            streams = tuple(dict.fromkeys((*wanted, *streams)))

    async def _resolve(self, decider: Decider[Any, Any], command: Command, issued: Issued) -> Receipt:
        """After a timeout: did the command happen? Raises Unknown when the log cannot say."""
        try:
            loaded = await self._load(decider, command, True, False)
        except Exception as error:
            raise Unknown("the append timed out and the log cannot be asked") from error
        if seen := loaded.commands.get(issued.command_id):
            return await self._again(issued, seen.position, seen.digest)
        raise Unknown("the append timed out; it may still arrive")

    async def _again(self, issued: Issued, position: int, digest: str) -> Receipt:
        if digest != issued.digest:
            raise CommandReused("Idempotency-Key was used before with another body")
        try:
            recorded = await self._log.by_command(issued.command_id, position)
        except LogUnavailable as error:
            raise Unknown("it was stored before, but the log cannot be read now") from error
        return Receipt(issued.command_id, recorded[-1].position, recorded)


class Turns:
    """First come, first served, per stream."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def of(self, streams: Sequence[Stream]) -> AsyncIterator[None]:
        """Holds the turn of the first stream; the log's expectations hold the rest."""
        name = str(streams[0])
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._waiting[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name], self._locks[name]


def by_stream(first: Stream, decided: Sequence[Event | To]) -> list[Append]:
    """A decision's events grouped by stream, the first stream's first, order kept within each."""
    grouped: dict[Stream, list[Event]] = {}
    for item in decided:
        stream, event = (item.stream, item.event) if isinstance(item, To) else (first, item)
        grouped.setdefault(stream, []).append(event)
    return [Append(stream, events) for stream, events in grouped.items()]


def fingerprint(*parts: str) -> str:
    """A command id: 32 hex digits of sha-256 over the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()[:32]
