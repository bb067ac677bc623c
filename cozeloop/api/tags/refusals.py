"""The contract's codes for what a tag's rules refuse (behaviour.md §5.6): one code for every rule."""

from __future__ import annotations

from commands.command import Refusal
from commands.tags import messages as rules

INVALID_PARAM = 601100202

CODES: dict[type[Refusal], tuple[int, str]] = {
    rules.TagFieldInvalid: (INVALID_PARAM, "invalid param"),
    rules.TagValuesInvalid: (INVALID_PARAM, "invalid param"),
    rules.TagNameTaken: (INVALID_PARAM, "invalid param"),
    rules.TagMissing: (INVALID_PARAM, "invalid param"),
    rules.TagStatusUnchanged: (INVALID_PARAM, "invalid param"),
    rules.TagNotOption: (INVALID_PARAM, "invalid param"),
}
"""Refusal -> code and base message."""
