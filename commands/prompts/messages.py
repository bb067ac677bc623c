"""What can be asked of a prompt, and the rules that may say no."""

from __future__ import annotations

from typing import Any

from commands.command import Command, Refusal

KEY_LIMIT = 128
NAME_LIMIT = 128
DESCRIPTION_LIMIT = 1024
SECURITY_LEVELS = ("L1", "L2", "L3", "L4")
DEFAULT_SECURITY_LEVEL = "L3"


class CreatePrompt(Command):
    """A new prompt under a key; ``key_reservation`` is the key's digest under the space's key."""

    space_id: str
    prompt_id: str
    prompt_key: str
    name: str
    description: str = ""
    prompt_type: str = "normal"
    security_level: str = DEFAULT_SECURITY_LEVEL
    key_reservation: str


class RenamePrompt(Command):
    """Another name and, when given, description; the security level is always stated anew."""

    space_id: str
    prompt_id: str
    name: str
    description: str | None = None
    security_level: str = DEFAULT_SECURITY_LEVEL


class CommitPrompt(Command):
    """The caller's draft as a version. Detail, base, revision and digest are the draft's; None: there is no draft."""

    space_id: str
    prompt_id: str
    version: str
    description: str = ""
    detail: dict[str, Any] | None = None
    base_version: str = ""
    draft_revision: int = 0
    digest: str = ""


class DeletePrompt(Command):
    """The prompt goes, its key is free again."""

    space_id: str
    prompt_id: str


class PromptFieldInvalid(Refusal):
    """A field is missing, too long or not one of its values."""


class PromptTypeUnsupported(Refusal):
    """The prompt type is not one that can be created."""


class PromptKeyTaken(Refusal):
    """Another prompt of the space holds the key."""


class PromptMissing(Refusal):
    """There is no such prompt."""


class PromptDraftMissing(Refusal):
    """The caller has no draft that is not committed yet."""


class PromptVersionMalformed(Refusal):
    """The version is not a semantic version."""


class PromptVersionTaken(Refusal):
    """The prompt has a version of this name."""
