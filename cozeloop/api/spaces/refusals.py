"""The contract's codes for what a space's rules refuse (behaviour.md §2.2)."""

from __future__ import annotations

from commands.command import Refusal
from commands.spaces.messages import SpaceMissing

INVALID_PARAM = 602000202

CODES: dict[type[Refusal], tuple[int, str]] = {SpaceMissing: (INVALID_PARAM, "invalid param")}
"""Refusal -> code and base message."""
