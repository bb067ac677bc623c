"""A space's data key and the port that finds it.

Content is sealed with AES-256-GCM, names are digested with HMAC-SHA-256; both keys are derived from the space's
data key by HKDF-SHA-256 (RFC 5869), so that one destroyed key ends both.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
NONCES_AT_ONCE = 256


class SpaceKey:
    """One data key, 32 bytes, by its id ``<space>.<generation>``. Never printed, never stored unwrapped."""

    __slots__ = ("_aead", "_names", "id")

    def __init__(self, id: str, data_key: bytes) -> None:
        self.id = id
        self._aead = AESGCM(_derive(data_key, b"content"))
        self._names = _derive(data_key, b"names")

    def seal(self, plain: bytes, aad: bytes, nonce: bytes | None = None) -> tuple[bytes, bytes]:
        """Nonce and ciphertext; a nonce is given by test vectors alone."""
        nonce = nonce or fresh_nonce()
        return nonce, self._aead.encrypt(nonce, plain, aad)

    def open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """The plain bytes; raises cryptography's InvalidTag when anything was altered or moved."""
        return self._aead.decrypt(nonce, sealed, aad)

    def digest(self, data: bytes) -> str:
        """32 hex digits that only the holder of the key can make."""
        return hmac.new(self._names, data, hashlib.sha256).hexdigest()[:32]


_nonces: list[bytes] = []


def fresh_nonce() -> bytes:
    """A nonce from the system's generator, which is asked for many at once.

    Each question gives up the interpreter's lock, and among busy threads that takes longer than sealing.
    """
    try:
        return _nonces.pop()
    except IndexError:
        drawn = os.urandom(NONCE_BYTES * NONCES_AT_ONCE)
        _nonces.extend(drawn[at : at + NONCE_BYTES] for at in range(NONCE_BYTES, len(drawn), NONCE_BYTES))
        return drawn[:NONCE_BYTES]


class KeyMissing(Exception):
    """The space has no key (yet): nothing can be sealed for it."""


class KeyDestroyed(KeyMissing):
    """The space's key was destroyed: nothing is sealed for it any more, and nothing that was is opened."""


class Keyring(Protocol):
    """Finds keys; a small LRU makes nearly every answer one without I/O."""

    async def of(self, space: str) -> SpaceKey:
        """The space's current key; raises KeyMissing."""
        ...

    async def by_id(self, key_id: str) -> SpaceKey | None:
        """The key, or None when it has been destroyed."""
        ...

    def current(self, space: str) -> SpaceKey | None:
        """The space's current key when it is at hand, without I/O."""
        ...

    def cached(self, key_id: str) -> SpaceKey | None:
        """The key when it is at hand, without I/O."""
        ...


def _derive(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cozeloop " + purpose).derive(data_key)
