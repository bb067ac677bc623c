"""Names that are unique in a space (or everywhere), kept as streams of their own.

A reservation's id is an HMAC of the name under the space's key, made at the edge: a name never enters a subject.
Whoever needs a name loads its reservation with its own stream and claims it in the same atomic batch.
"""

from __future__ import annotations

from collections.abc import Mapping

from commands.command import To
from events.event import Event, Stream
from events.reservations import NameClaimed, NameReleased

Held = Mapping[str, str]
"""Reservation id -> id of the object that holds it."""


def reservation(space: str, kind: str, digest: str) -> Stream:
    """The stream of one name; ``kind`` says what it names (``prompt_key``, ``email``)."""
    return Stream(space, "reservations", digest, kind)


def evolve_held(held: Held, event: Event) -> Held:
    """Folds claims and releases."""
    if isinstance(event, NameClaimed):
        return {**held, event.reservation: event.owner}
    if isinstance(event, NameReleased):
        return {k: v for k, v in held.items() if k != event.reservation}
    return held


def claim(space: str, kind: str, digest: str, owner: str) -> To:
    """The claim, for the batch of the command that needs the name."""
    return To(reservation(space, kind, digest), NameClaimed(reservation=digest, owner=owner))


def release(space: str, kind: str, digest: str, owner: str) -> To:
    """The release, for the batch of the command that gives the name up."""
    return To(reservation(space, kind, digest), NameReleased(reservation=digest, owner=owner))
