"""What an evaluator's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from commands.command import Context, To
from commands.evaluators.content import check_content
from commands.evaluators.evaluator import NAME, Evaluator, EvaluatorCommand
from commands.evaluators.messages import (
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    VERSION_DESCRIPTION_LIMIT,
    VERSION_LIMIT,
    CreateEvaluator,
    DeleteEvaluator,
    EvaluatorContentMissing,
    EvaluatorDescriptionTooLong,
    EvaluatorMissing,
    EvaluatorNameInvalid,
    EvaluatorNameTaken,
    EvaluatorNameTooLong,
    EvaluatorVersionDescriptionTooLong,
    EvaluatorVersionMalformed,
    EvaluatorVersionTaken,
    EvaluatorVersionTooLong,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from commands.reservations import claim, release
from commands.semver import is_semver
from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from events.event import Event

Decided = Sequence[Event | To]


def decide(state: Evaluator, command: EvaluatorCommand, context: Context) -> Decided:
    """Facts of the evaluator's own stream, with the claims and releases of its names."""
    match command:
        case CreateEvaluator():
            return create(state, command)
        case RenameEvaluator():
            return rename(state, command)
        case SubmitEvaluatorVersion():
            return submit(state, command)
        case DeleteEvaluator():
            return delete(state, command)
        case _:
            assert_never(command)


def create(state: Evaluator, command: CreateEvaluator) -> Decided:
    """An evaluator, its first version, and the claim of its name."""
    check_content(command.evaluator_type, command.content)
    described(command.name, command.description)
    versioned(command.version, command.version_description)
    if command.name_reservation in state.held:
        raise EvaluatorNameTaken(f"name {command.name!r} is taken")
    return (
        EvaluatorCreated(
            evaluator_id=command.evaluator_id,
            evaluator_type=command.evaluator_type,
            name=command.name,
            description=command.description,
            name_reservation=command.name_reservation,
        ),
        EvaluatorVersionSubmitted(
            evaluator_id=command.evaluator_id,
            version_id=command.version_id,
            version=command.version,
            description=command.version_description,
            content=command.content,
            digest=command.digest,
            draft_revision=command.draft_revision,
        ),
        claim(command.space_id, NAME, command.name_reservation, command.evaluator_id),
    )


def rename(state: Evaluator, command: RenameEvaluator) -> Decided:
    """The new name and description; another name is claimed and the old one released in the same batch."""
    existing(state, command.evaluator_id)
    name = state.name if command.name is None else command.name
    description = state.description if command.description is None else command.description
    described("-" if command.name is None else command.name, command.description or "")
    if (name, description) == (state.name, state.description):
        return ()
    held = state.name_reservation
    wanted = held if command.name is None else command.name_reservation
    decided: list[Event | To] = [
        EvaluatorRenamed(evaluator_id=command.evaluator_id, name=name, description=description, name_reservation=wanted)
    ]
    if wanted != held:
        if wanted in state.held:
            raise EvaluatorNameTaken(f"name {command.name!r} is taken")
        decided.append(release(command.space_id, NAME, held, command.evaluator_id))
        decided.append(claim(command.space_id, NAME, wanted, command.evaluator_id))
    return decided


def submit(state: Evaluator, command: SubmitEvaluatorVersion) -> Decided:
    """A version with the draft's whole content; the draft stays."""
    existing(state, command.evaluator_id)
    versioned(command.version, command.description)
    if command.content is None:
        raise EvaluatorContentMissing(f"evaluator {command.evaluator_id} has no draft to submit")
    check_content(state.evaluator_type, command.content)
    if command.version in state.versions:
        raise EvaluatorVersionTaken(f"version {command.version!r} exists")
    return (
        EvaluatorVersionSubmitted(
            evaluator_id=command.evaluator_id,
            version_id=command.version_id,
            version=command.version,
            description=command.description,
            content=command.content,
            digest=command.digest,
            draft_revision=command.draft_revision,
        ),
    )


def delete(state: Evaluator, command: DeleteEvaluator) -> Decided:
    """The end of the evaluator, and its name free for another."""
    existing(state, command.evaluator_id)
    return (
        EvaluatorDeleted(evaluator_id=command.evaluator_id),
        release(command.space_id, NAME, state.name_reservation, command.evaluator_id),
    )


def existing(state: Evaluator, evaluator_id: str) -> None:
    """Refuses what is asked of an evaluator that was never there or is gone."""
    if not state.exists:
        raise EvaluatorMissing(f"evaluator {evaluator_id} does not exist")


def described(name: str, description: str) -> None:
    """The rules of name and description; lengths in characters."""
    if not name.strip():
        raise EvaluatorNameInvalid("name is required")
    if len(name) > NAME_LIMIT:
        raise EvaluatorNameTooLong(f"name is longer than {NAME_LIMIT} characters")
    if len(description) > DESCRIPTION_LIMIT:
        raise EvaluatorDescriptionTooLong(f"description is longer than {DESCRIPTION_LIMIT} characters")


def versioned(version: str, description: str) -> None:
    """The rules of a version's name and description."""
    if len(version) > VERSION_LIMIT:
        raise EvaluatorVersionTooLong(f"version is longer than {VERSION_LIMIT} characters")
    if not is_semver(version):
        raise EvaluatorVersionMalformed(f"version {version!r} is not a semantic version such as 1.0.0")
    if len(description) > VERSION_DESCRIPTION_LIMIT:
        raise EvaluatorVersionDescriptionTooLong(
            f"version description is longer than {VERSION_DESCRIPTION_LIMIT} characters"
        )
