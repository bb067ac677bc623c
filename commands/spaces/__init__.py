"""Spaces: their end. They are created with their user, by that user's command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.spaces.decide import decide
from commands.spaces.messages import DestroySpaceKey
from commands.spaces.space import UNKNOWN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    DestroySpaceKey: Decider(UNKNOWN, streams, evolve, decide),
}
