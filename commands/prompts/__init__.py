"""Prompts: created under a unique key, renamed, committed version by version, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.prompts.decide import decide
from commands.prompts.messages import CommitPrompt, CreatePrompt, DeletePrompt, RenamePrompt
from commands.prompts.prompt import UNBORN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreatePrompt: Decider(UNBORN, streams, evolve, decide, blind=True),
    RenamePrompt: Decider(UNBORN, streams, evolve, decide),
    CommitPrompt: Decider(UNBORN, streams, evolve, decide),
    DeletePrompt: Decider(UNBORN, streams, evolve, decide),
}
