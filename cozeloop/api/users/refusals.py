"""The contract's codes for what a user's rules refuse (behaviour.md §2.1, §2.5)."""

from __future__ import annotations

from commands.command import Refusal
from commands.users.messages import EmailTaken, NothingToChange, RegistrationBlocked, UserMissing, UserNameTaken

INVALID_PARAM = 602000202
EMAIL_UNKNOWN = 602000801
WRONG_PASSWORD = 602002003

CODES: dict[type[Refusal], tuple[int, str]] = {
    EmailTaken: (602002002, "email already exists"),
    UserNameTaken: (602000204, "duplicated"),
    UserMissing: (602002004, "user not exist"),
    NothingToChange: (INVALID_PARAM, "invalid param"),
    RegistrationBlocked: (602002008, "registration is blocked"),
}
"""Refusal -> code and base message."""
