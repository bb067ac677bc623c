"""Bearer secrets: random, stored as SHA-256, remembered as valid for a moment."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

SECRET_BYTES = 32
REMEMBERED = timedelta(seconds=2)
"""How long another process may still take a revoked secret for valid; in this process revocation is at once."""


def new_secret(prefix: str = "") -> str:
    """A secret of 256 random bits in URL-safe letters."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def hashed(secret: str) -> str:
    """What is stored of it. The secret is random, so a slow hash would protect nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Grant:
    """A secret found valid: what it is, whose it is, until when, and when it was looked up. Aware times."""

    id: str
    user_id: str
    expires_at: datetime
    seen_at: datetime


class Grants:
    """The secrets that were valid a moment ago, by hash, so that not each call costs a query."""

    def __init__(self, now: Callable[[], datetime], size: int = 4096) -> None:
        self._now = now
        self._size = size
        self._known: OrderedDict[str, Grant] = OrderedDict()
        self._revocations = 0

    def find(self, digest: str) -> Grant | None:
        """The grant when it was looked up a moment ago and has not expired."""
        grant = self._known.get(digest)
        if grant is None:
            return None
        now = self._now()
        if grant.expires_at <= now or now - grant.seen_at > REMEMBERED:
            self._known.pop(digest, None)
            return None
        return grant

    @property
    def epoch(self) -> int:
        """Changes with each revocation: a look-up that began before one is not remembered."""
        return self._revocations

    def remember(self, digest: str, grant: Grant, epoch: int) -> None:
        """Keeps what was looked up, unless something was revoked meanwhile."""
        if epoch != self._revocations:
            return
        self._known[digest] = grant
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def revoke(self, gone: Callable[[str, Grant], bool]) -> None:
        """Forgets the grants for which ``gone(digest, grant)`` holds; call it after the row is gone."""
        self._revocations += 1
        for digest in [d for d, grant in self._known.items() if gone(d, grant)]:
            del self._known[digest]
