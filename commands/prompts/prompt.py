"""A prompt as its decisions need it: what it is called, which versions stand, which drafts are settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from commands.prompts.messages import CommitPrompt, CreatePrompt, DeletePrompt, RenamePrompt
from commands.reservations import Held, evolve_held, reservation
from events.event import Erased, Event, Stream
from events.prompts import (
    PromptCommitted,
    PromptCreated,
    PromptDeleted,
    PromptRenamed,
    PromptSecurityLevelChanged,
)

PromptCommand = CreatePrompt | RenamePrompt | CommitPrompt | DeletePrompt
KEY = "prompt_key"
"""The kind of the reservations that make a key unique in its space."""


@dataclass(frozen=True)
class Prompt:
    """``exists`` from creation to deletion; ``settled`` is each user's last committed draft revision."""

    exists: bool = False
    key_reservation: str = ""
    name: str | Erased = ""
    description: str | Erased = ""
    security_level: str = ""
    versions: frozenset[str] = frozenset()
    settled: Mapping[str, int] = field(default_factory=dict)
    held: Held = field(default_factory=dict)


UNBORN = Prompt()


def prompt_stream(space_id: str, prompt_id: str) -> Stream:
    """The stream of one prompt."""
    return Stream(space_id, "prompts", prompt_id)


def streams(command: PromptCommand, state: Prompt) -> tuple[Stream, ...]:
    """The prompt's own, and the reservation of the key that is claimed or released."""
    own = prompt_stream(command.space_id, command.prompt_id)
    match command:
        case CreatePrompt():
            return own, reservation(command.space_id, KEY, command.key_reservation)
        case DeletePrompt() if state.key_reservation:
            return own, reservation(command.space_id, KEY, state.key_reservation)
        case _:
            return (own,)


def evolve(state: Prompt, event: Event) -> Prompt:
    """Folds a prompt's history and its key's."""
    match event:
        case PromptCreated():
            return replace(
                state,
                exists=True,
                key_reservation=event.key_reservation,
                name=event.name,
                description=event.description,
                security_level=event.security_level,
            )
        case PromptRenamed():
            return replace(state, name=event.name, description=event.description)
        case PromptSecurityLevelChanged():
            return replace(state, security_level=event.security_level)
        case PromptCommitted():
            return replace(
                state,
                versions=state.versions | {event.version},
                settled={**state.settled, event.committed_by: event.draft_revision},
            )
        case PromptDeleted():
            return replace(state, exists=False)
        case _:
            return replace(state, held=evolve_held(state.held, event))
