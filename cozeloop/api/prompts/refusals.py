"""The contract's codes for what a prompt's rules refuse (behaviour.md §3.9)."""

from __future__ import annotations

from commands.command import Refusal
from commands.prompts.messages import (
    PromptDraftMissing,
    PromptFieldInvalid,
    PromptKeyTaken,
    PromptMissing,
    PromptTypeUnsupported,
    PromptVersionMalformed,
    PromptVersionTaken,
)

INVALID_PARAM = 600500202
NOT_FOUND = 600501001
VERSION_MISSING = 600501002
UNCOMMITTED = 600501003
LABEL_UNBOUND = 600501007
MGET_LIMITED = 600502001

CODES: dict[type[Refusal], tuple[int, str]] = {
    PromptFieldInvalid: (INVALID_PARAM, "invalid param"),
    PromptTypeUnsupported: (INVALID_PARAM, "invalid param"),
    PromptVersionMalformed: (INVALID_PARAM, "invalid param"),
    PromptMissing: (NOT_FOUND, "resource not found"),
    PromptDraftMissing: (NOT_FOUND, "resource not found"),
    PromptKeyTaken: (600501008, "prompt key already exists"),
    PromptVersionTaken: (600501009, "prompt version already exists"),
}
"""Refusal -> code and base message."""
