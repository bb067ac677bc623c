"""What can be asked of personal access tokens, and the rules that may say no."""

from __future__ import annotations

from commands.command import Command, Refusal


class CreateToken(Command):
    """A token for the caller, valid until ``expire_at`` (microseconds since 1970)."""

    token_id: str
    expire_at: int


class RevokeToken(Command):
    """The caller's token is refused from now on."""

    token_id: str


class TokenExpiryInvalid(Refusal):
    """The token would be expired at once, or live longer than a token may."""


class TokenMissing(Refusal):
    """There never was such a token."""


class TokenNotYours(Refusal):
    """The token is another user's."""
