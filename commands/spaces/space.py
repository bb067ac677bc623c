"""A space as its decisions need it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from commands.spaces.messages import DestroySpaceKey
from events.event import GLOBAL_SPACE, Event, Stream
from events.spaces import SpaceCreated, SpaceKeyDestroyed


@dataclass(frozen=True)
class Space:
    """Whether the space exists, and whether its key still does."""

    exists: bool = False
    erased: bool = False


UNKNOWN = Space()


def streams(command: DestroySpaceKey, state: Space) -> tuple[Stream, ...]:
    """The space's own."""
    return (Stream(GLOBAL_SPACE, "spaces", command.space_id),)


def evolve(state: Space, event: Event) -> Space:
    """Folds a space's history."""
    if isinstance(event, SpaceCreated):
        return replace(state, exists=True)
    if isinstance(event, SpaceKeyDestroyed):
        return replace(state, erased=True)
    return state
