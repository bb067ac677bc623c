"""The contract's codes for what a token's rules refuse (behaviour.md §2.3)."""

from __future__ import annotations

from commands.command import Refusal
from commands.tokens.messages import TokenExpiryInvalid, TokenMissing, TokenNotYours

NO_PERMISSION = 602000101
INVALID_PARAM = 602000202

CODES: dict[type[Refusal], tuple[int, str]] = {
    TokenExpiryInvalid: (INVALID_PARAM, "invalid param"),
    TokenMissing: (INVALID_PARAM, "invalid param"),
    TokenNotYours: (NO_PERMISSION, "no permission"),
}
"""Refusal -> code and base message."""
