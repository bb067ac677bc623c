"""Between the contract's words for a personal access token and ours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from commands.tokens.decide import LONGEST_LIFE
from cozeloop.api.edge import ApiError
from cozeloop.api.tokens.refusals import INVALID_PARAM
from cozeloop.api.wire.foundation import CreatePersonalAccessTokenRequest
from cozeloop.platform import TokenFacts

NAME_LIMIT = 64
PERMANENT = "permanent"
DURATIONS = ("1", "30", "60", "90", "180", "365")


def named(name: str | None) -> str:
    """The token's name; refuses a missing and a long one."""
    if not name:
        raise ApiError(INVALID_PARAM, "invalid param,name is required")
    if len(name) > NAME_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,name is longer than {NAME_LIMIT} characters")
    return name


def expiry(req: CreatePersonalAccessTokenRequest, now: datetime) -> int:
    """When the token expires, in unix seconds; ``duration_day`` wins over ``expire_at``."""
    if req.duration_day == PERMANENT:
        return int((now + LONGEST_LIFE).timestamp())
    if req.duration_day:
        if req.duration_day in DURATIONS:
            return int((now + timedelta(days=int(req.duration_day))).timestamp())
        raise ApiError(INVALID_PARAM, f"invalid param,duration_day is not one of {', '.join(DURATIONS)}, {PERMANENT}")
    if req.expire_at is None:
        raise ApiError(INVALID_PARAM, "invalid param,expire_at or duration_day is required")
    return int(req.expire_at)


def token(facts: TokenFacts) -> dict[str, Any]:
    """The token as its owner sees it; every time in unix seconds."""
    return {
        "id": facts.id,
        "name": facts.name,
        "created_at": str(facts.created_at),
        "updated_at": str(facts.updated_at),
        "last_used_at": str(facts.last_used_at),
        "expire_at": str(facts.expire_at),
    }
