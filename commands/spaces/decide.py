"""What a space's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence

from commands.command import Context
from commands.spaces.messages import DestroySpaceKey, SpaceMissing
from commands.spaces.space import Space
from events.event import Event
from events.spaces import SpaceKeyDestroyed


def decide(state: Space, command: DestroySpaceKey, context: Context) -> Sequence[Event]:
    """The end of the space's content; nothing when it has come already."""
    if not state.exists:
        raise SpaceMissing(f"space {command.space_id} does not exist")
    return () if state.erased else (SpaceKeyDestroyed(space_id=command.space_id),)
