"""The ids of destroyed keys, in a file of their own beside the installation key and in no backup.

A restored vault may be older than a destruction: what stands in this file is destroyed again when the vault is
opened. Each line is ``<key id> <microseconds since 1970> <signature>``; a signature covers the line and the one
before it, so a line can be neither changed nor taken out of the middle. That the last ones were cut off is not found.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from pathlib import Path

DESTROYED_FILE = "destroyed.keys"
_LINE = re.compile(r"([0-9A-Za-z_-]{1,64}\.\d{1,9}) (\d{1,19}) ([0-9a-f]{64})")


class DestroyedKeysUnreadable(Exception):
    """The file was altered, or belongs to another installation key; the text says what to do."""


class DestroyedKeys:
    """The list. It only grows; a file that does not exist is an empty one."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key

    def load(self) -> dict[str, int]:
        """Key id -> when it was destroyed, in microseconds; raises DestroyedKeysUnreadable."""
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return {}
        found: dict[str, int] = {}
        before = ""
        for line in text.splitlines():
            parts = _LINE.fullmatch(line)
            if parts is None or not hmac.compare_digest(parts[3], self._sign(before, parts[1], int(parts[2]))):
                raise DestroyedKeysUnreadable(
                    f"{self.path} was altered, or belongs to another installation key: put back the copy that is kept"
                    " with installation.key"
                )
            before = parts[3]
            found[parts[1]] = int(parts[2])
        return found

    def add(self, destroyed: Mapping[str, int]) -> None:
        """Writes down further ids, durably; those that stand there already stay as they are."""
        known = self.load()
        if self.path.exists() and not destroyed.keys() - known.keys():
            return
        lines, before = [], ""
        for key_id, at in {**known, **{k: at for k, at in destroyed.items() if k not in known}}.items():
            before = self._sign(before, key_id, at)
            lines.append(f"{key_id} {at} {before}\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.new")
        with open(beside, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _sign(self, before: str, key_id: str, at: int) -> str:
        return hmac.new(self._key, f"{before} {key_id} {at}".encode(), hashlib.sha256).hexdigest()
