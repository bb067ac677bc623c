"""The installation key: 32 random bytes in a file of its own, from which everything secret here hangs.

It wraps each space's data key, digests e-mails and signs what the installation vouches for. Each use has a key of its
own, derived by HKDF-SHA-256 (RFC 5869). Without the file the vault and all sealed content are unreadable for ever:
back it up apart from the database.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_FILE = "installation.key"
KEY_BYTES = 32


class InstallationKeyUnusable(Exception):
    """The key file is damaged, or is not the one that this vault was made with; the text says which and what to do."""


class InstallationKey:
    """Derives a key for each purpose; never shown, never stored elsewhere."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise InstallationKeyUnusable(f"the installation key has {len(secret)} bytes instead of {KEY_BYTES}")
        self._secret = secret

    def __repr__(self) -> str:
        return "InstallationKey(hidden)"

    def derive(self, purpose: str) -> bytes:
        """32 bytes for this purpose alone, the same at every start."""
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cozeloop installation " + purpose.encode())
        return hkdf.derive(self._secret)

    def secret(self) -> bytes:
        """The key itself, for whoever was told to write it into a backup."""
        return self._secret

    @property
    def fingerprint(self) -> str:
        """32 hex digits that tell this key from another and reveal nothing of it."""
        return self.derive("fingerprint").hex()[:32]


def installation_key(data_dir: Path) -> InstallationKey:
    """The key of this data directory; made at the first call, durable and whole before anything can see it.

    Two processes that start at once get the same key. Raises InstallationKeyUnusable for a damaged file.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        _create(path)
    path.chmod(0o600)  # a copied directory may have lost the mode
    try:
        return InstallationKey(path.read_bytes())
    except InstallationKeyUnusable as error:
        raise InstallationKeyUnusable(f"{path}: {error}; restore it from the backup") from None


def _create(path: Path) -> None:
    """Writes beside and links: the name appears at once with the whole content, or was there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
