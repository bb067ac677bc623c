"""What every command and decider is. Pure: no clock, no randomness, no I/O; ids and facts come in the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from events.event import Event, Stream

C = TypeVar("C", bound="Command")
S = TypeVar("S")


class Command(BaseModel):
    """An intent. It carries every id that it creates and every fact of others that it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Refusal(Exception):
    """A rule said no; the subclass names the rule and the message names the field or thing."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class Context:
    """What a decision may know beside the state: the time and who asks."""

    now: datetime
    actor: str


@dataclass(frozen=True)
class To:
    """An event for a stream other than the command's first."""

    stream: Stream
    event: Event


@dataclass(frozen=True)
class Decider(Generic[C, S]):
    """A consistency boundary.

    ``streams`` names every stream the decision rests on, the one written by bare events first; it is asked with
    the initial state and again with the folded one, and what appears is loaded too. ``evolve`` never raises and
    ignores events that it does not know. ``decide`` returns events of the first stream, or ``To``; nothing when
    there is nothing to do; it raises a Refusal. ``blind``: the first stream is new, so the first try loads nothing.
    ``last_only``: the state is that of each stream's last event alone, or of those whose kind is named.
    """

    initial: S
    streams: Callable[[C, S], tuple[Stream, ...]]
    evolve: Callable[[S, Event], S]
    decide: Callable[[S, C, Context], Sequence[Event | To]]
    blind: bool = False
    last_only: bool | frozenset[str] = False
