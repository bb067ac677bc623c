"""What a token's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never

from commands.command import Context
from commands.tokens.messages import CreateToken, RevokeToken, TokenExpiryInvalid, TokenMissing, TokenNotYours
from commands.tokens.token import Token, TokenCommand
from events.event import Event
from events.tokens import TokenCreated, TokenRevoked

LONGEST_LIFE = timedelta(days=99 * 365)
"""What the contract calls permanent."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decide(state: Token, command: TokenCommand, context: Context) -> Sequence[Event]:
    """Facts of the token's own stream."""
    match command:
        case CreateToken():
            return create(command, context)
        case RevokeToken():
            return revoke(state, command, context)
        case _:
            assert_never(command)


def create(command: CreateToken, context: Context) -> Sequence[Event]:
    """A token of the caller's."""
    now = (context.now - _EPOCH) // timedelta(microseconds=1)
    if command.expire_at <= now:
        raise TokenExpiryInvalid("expire_at lies in the past")
    if command.expire_at > now + LONGEST_LIFE // timedelta(microseconds=1):
        raise TokenExpiryInvalid(f"expire_at lies more than {LONGEST_LIFE.days} days ahead")
    return (TokenCreated(token_id=command.token_id, user_id=context.actor, expire_at=command.expire_at),)


def revoke(state: Token, command: RevokeToken, context: Context) -> Sequence[Event]:
    """The end of the token; nothing when it has been revoked."""
    if not state.owner:
        raise TokenMissing(f"token {command.token_id} does not exist")
    if state.owner != context.actor:
        raise TokenNotYours(f"token {command.token_id}")
    return () if state.revoked else (TokenRevoked(token_id=command.token_id),)
