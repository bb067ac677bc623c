"""Tags: keys with values, revised version by version, offered or hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.tags.decide import decide
from commands.tags.messages import ChangeTagStatus, CreateTag, MakeOptionTag, ReviseTag
from commands.tags.tag import UNBORN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateTag: Decider(UNBORN, streams, evolve, decide, blind=True),
    ReviseTag: Decider(UNBORN, streams, evolve, decide),
    ChangeTagStatus: Decider(UNBORN, streams, evolve, decide),
    MakeOptionTag: Decider(UNBORN, streams, evolve, decide),
}
