"""A personal access token as its decisions need it: whose it is, and whether it is still good."""

from __future__ import annotations

from dataclasses import dataclass, replace

from commands.tokens.messages import CreateToken, RevokeToken
from events.event import GLOBAL_SPACE, Event, Stream
from events.tokens import TokenCreated, TokenRevoked

TokenCommand = CreateToken | RevokeToken


@dataclass(frozen=True)
class Token:
    """``owner`` is empty until the token is created."""

    owner: str = ""
    revoked: bool = False


UNBORN = Token()


def streams(command: TokenCommand, state: Token) -> tuple[Stream, ...]:
    """The token's own."""
    return (Stream(GLOBAL_SPACE, "tokens", command.token_id),)


def evolve(state: Token, event: Event) -> Token:
    """Folds a token's history."""
    match event:
        case TokenCreated():
            return replace(state, owner=event.user_id)
        case TokenRevoked():
            return replace(state, revoked=True)
        case _:
            return state
