"""What happens to personal access tokens. Names and hashes lie in the vault; the last use is no event."""

from __future__ import annotations

from events.event import Event


class TokenCreated(Event):
    """The user may call with this token until ``expire_at`` (microseconds since 1970)."""

    token_id: str
    user_id: str
    expire_at: int


class TokenRevoked(Event):
    """The token is refused from now on."""

    token_id: str
