"""Names taken and given back: what makes a prompt key or an e-mail unique without a lock."""

from __future__ import annotations

from events.event import Event


class NameClaimed(Event):
    """``owner`` (an object's id) holds the name behind ``reservation`` (its keyed digest)."""

    reservation: str
    owner: str


class NameReleased(Event):
    """``owner`` gave the name back."""

    reservation: str
    owner: str
