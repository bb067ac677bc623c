"""What a backup says of itself, signed with the installation key: which log, how far, and every part's digest."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from cozeloop.backup.archive import ArchiveUnusable
from infra.eventstore.anchor import Anchor
from infra.vault.installation import InstallationKey

MANIFEST = "manifest.json"
FORMAT = 1
PURPOSE = "manifest of a backup"


@dataclass(frozen=True)
class Manifest:
    """The log is whole up to ``anchor["position"]`` at least; ``streams``: name -> JetStream's config and state."""

    made_at: str
    installation: str
    anchor: dict[str, Any]
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, dict[str, int | str]] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def witness(self) -> Anchor:
        """The anchor of the log that was backed up."""
        return Anchor(**self.anchor)

    def encoded(self, key: InstallationKey) -> bytes:
        """As it lies in the backup."""
        content = asdict(self)
        return json.dumps({**content, "signature": _signature(content, key)}, indent=1).encode()


def decoded(data: bytes, key: InstallationKey) -> Manifest:
    """The manifest; raises ArchiveUnusable when it is not this installation's, or was altered."""
    try:
        content = json.loads(data)
        signature = content.pop("signature")
        if content["format"] != FORMAT:
            raise ArchiveUnusable(f"the backup is of format {content['format']}, this release reads {FORMAT}")
        if content["installation"] != key.fingerprint:
            raise ArchiveUnusable("the backup was made with another installation key: give that one with --keys")
        if not hmac.compare_digest(signature, _signature(content, key)):
            raise ArchiveUnusable(f"{MANIFEST} was altered: its signature does not fit")
        return Manifest(**{f.name: content[f.name] for f in fields(Manifest)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveUnusable(f"{MANIFEST} is not readable: {error}") from error


def _signature(content: dict[str, Any], key: InstallationKey) -> str:
    text = json.dumps(content, sort_keys=True).encode()
    return hmac.new(key.derive(PURPOSE), text, hashlib.sha256).hexdigest()
