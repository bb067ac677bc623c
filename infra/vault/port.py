"""What the vault tells of a person and of a token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """What is personal of a user. Lives in the vault, never in an event or read model."""

    user_id: str
    email: str
    name: str
    nick_name: str
    avatar: str = ""
    description: str = ""


@dataclass(frozen=True)
class TokenFacts:
    """A personal access token as its owner may see it. Times in unix seconds; -1 = never used."""

    id: str
    user_id: str
    name: str
    created_at: int
    updated_at: int
    last_used_at: int
    expire_at: int
