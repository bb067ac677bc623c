"""What a prompt's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from commands.command import Context, To
from commands.prompts.messages import (
    DESCRIPTION_LIMIT,
    KEY_LIMIT,
    NAME_LIMIT,
    SECURITY_LEVELS,
    CommitPrompt,
    CreatePrompt,
    DeletePrompt,
    PromptDraftMissing,
    PromptFieldInvalid,
    PromptKeyTaken,
    PromptMissing,
    PromptTypeUnsupported,
    PromptVersionMalformed,
    PromptVersionTaken,
    RenamePrompt,
)
from commands.prompts.prompt import KEY, Prompt, PromptCommand
from commands.reservations import claim, release
from commands.semver import is_semver
from events.event import Event
from events.prompts import (
    PromptCommitted,
    PromptCreated,
    PromptDeleted,
    PromptRenamed,
    PromptSecurityLevelChanged,
)

Decided = Sequence[Event | To]


def decide(state: Prompt, command: PromptCommand, context: Context) -> Decided:
    """Facts of the prompt's own stream, with the claim or release of its key."""
    match command:
        case CreatePrompt():
            return create(state, command)
        case RenamePrompt():
            return rename(state, command)
        case CommitPrompt():
            return commit(state, command, context)
        case DeletePrompt():
            return delete(state, command)
        case _:
            assert_never(command)


def create(state: Prompt, command: CreatePrompt) -> Decided:
    """A prompt and the claim of its key."""
    within("prompt_key", command.prompt_key, KEY_LIMIT)
    described(command.name, command.description, command.security_level)
    if command.prompt_type != "normal":
        raise PromptTypeUnsupported(f"prompt_type {command.prompt_type!r} is not built yet")
    if command.key_reservation in state.held:
        raise PromptKeyTaken(f"prompt_key {command.prompt_key!r} is taken")
    return (
        PromptCreated(
            prompt_id=command.prompt_id,
            prompt_key=command.prompt_key,
            name=command.name,
            description=command.description,
            prompt_type=command.prompt_type,
            security_level=command.security_level,
            key_reservation=command.key_reservation,
        ),
        claim(command.space_id, KEY, command.key_reservation, command.prompt_id),
    )


def rename(state: Prompt, command: RenamePrompt) -> Decided:
    """The facts that differ from what is so already."""
    existing(state, command.prompt_id)
    description = state.description if command.description is None else command.description
    described(command.name, command.description or "", command.security_level)
    decided: list[Event | To] = []
    if (command.name, description) != (state.name, state.description):
        decided.append(PromptRenamed(prompt_id=command.prompt_id, name=command.name, description=description))
    if command.security_level != state.security_level:
        decided.append(PromptSecurityLevelChanged(prompt_id=command.prompt_id, security_level=command.security_level))
    return decided


def commit(state: Prompt, command: CommitPrompt, context: Context) -> Decided:
    """A version with the draft's whole content. A draft counts once: what was committed is no draft any more."""
    existing(state, command.prompt_id)
    if not is_semver(command.version):
        raise PromptVersionMalformed(f"commit_version {command.version!r} is not a semantic version such as 1.0.0")
    within("commit_description", command.description, DESCRIPTION_LIMIT, empty=True)
    if command.detail is None or command.draft_revision <= state.settled.get(context.actor, 0):
        raise PromptDraftMissing(f"prompt {command.prompt_id} has no draft to commit")
    if command.version in state.versions:
        raise PromptVersionTaken(f"commit_version {command.version!r} exists")
    return (
        PromptCommitted(
            prompt_id=command.prompt_id,
            version=command.version,
            base_version=command.base_version,
            description=command.description,
            detail=command.detail,
            digest=command.digest,
            draft_revision=command.draft_revision,
            committed_by=context.actor,
        ),
    )


def delete(state: Prompt, command: DeletePrompt) -> Decided:
    """The end of the prompt, and its key free for another."""
    existing(state, command.prompt_id)
    return (
        PromptDeleted(prompt_id=command.prompt_id),
        release(command.space_id, KEY, state.key_reservation, command.prompt_id),
    )


def existing(state: Prompt, prompt_id: str) -> None:
    """Refuses what is asked of a prompt that was never there or is gone."""
    if not state.exists:
        raise PromptMissing(f"prompt {prompt_id} does not exist")


def described(name: str, description: str, security_level: str) -> None:
    """The rules of everything a prompt is shown with."""
    within("prompt_name", name, NAME_LIMIT)
    within("prompt_description", description, DESCRIPTION_LIMIT, empty=True)
    if security_level not in SECURITY_LEVELS:
        raise PromptFieldInvalid(f"security_level {security_level!r} is not one of {', '.join(SECURITY_LEVELS)}")


def within(field: str, text: str, limit: int, *, empty: bool = False) -> None:
    """Refuses a text that is longer than its limit in characters, or empty where it must not be."""
    if not text and not empty:
        raise PromptFieldInvalid(f"{field} is required")
    if len(text) > limit:
        raise PromptFieldInvalid(f"{field} is longer than {limit} characters")
