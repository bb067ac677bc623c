"""A witness outside the NATS store: how far the log came, how many events, and a rolling digest over their hashes.

Written after each batch of the feed, in turns to one of two places of the file: a killed process leaves the old or the
new anchor, and one place that a power cut tore leaves the other. There is no sync, and no rename either, which would
wait for other files' syncs and hold up everybody. What was acknowledged after the last batch by a process that died
with it is the stated exception. Each place is signed with the installation key; whoever has that key can forge it,
nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.eventstore.guard import Stand
from infra.eventstore.log import Damaged
from infra.eventstore.reading import Reader

ANCHOR_FILE = "anchor.json"
PURPOSE = "anchor of the log"
"""What its key is derived for."""
PLACE_BYTES = 1024


@dataclass(frozen=True)
class Anchor:
    """The log up to ``position``: ``count`` events, the last one's hash, and the digest over all hashes in order."""

    log_id: str
    position: int = 0
    count: int = 0
    hash: str = ""
    digest: str = ""

    def after(self, position: int, hash: str) -> Anchor:
        """With one event more."""
        digest = hashlib.sha256(f"{self.digest}{hash}".encode()).hexdigest()
        return Anchor(self.log_id, position, self.count + 1, hash, digest)


async def rolled(anchor: Anchor, position: int, reader: Reader) -> Anchor:
    """The anchor as it is at a later position, by the events that the log holds in between."""
    async for page in reader.pages("events.>", anchor.position + 1):
        for record in page:
            if record.position > position:
                return anchor
            anchor = anchor.after(record.position, record.hash)
    return anchor


class AnchorFile:
    """Keeps the anchor beside the log."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._next = 0
        self.anchor = self._load()

    async def stands(self) -> Sequence[Stand]:
        """As a witness of the guard."""
        a = self.anchor
        return [Stand("the anchor file", a.log_id, a.position, a.hash)]

    async def begin(self, log_id: str, reader: Reader) -> None:
        """Takes in what was appended since the file was written; the guard has agreed to the log before."""
        self.anchor = replace(self.anchor, log_id=log_id)
        async for page in reader.pages("events.>", self.anchor.position + 1):
            self.observe((r.position, r.hash) for r in page)
        self.save()

    async def upto(self, position: int, reader: Reader) -> Anchor:
        """The anchor as it will be at a position; the file stays as it is."""
        return await rolled(self.anchor, position, reader)

    def observe(self, events: Iterable[tuple[int, str]]) -> None:
        """Positions and hashes in log order; what is known already is passed over."""
        for position, hash in events:
            if position > self.anchor.position:
                self.anchor = self.anchor.after(position, hash)

    def save(self) -> None:
        """Writes over the older of the two places."""
        content = asdict(self.anchor)
        content["signature"] = self._sign(content)
        line = json.dumps(content).encode().ljust(PLACE_BYTES - 1) + b"\n"
        assert len(line) == PLACE_BYTES
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, line, self._next * PLACE_BYTES)
        finally:
            os.close(file)
        self._next = 1 - self._next

    def _load(self) -> Anchor:
        """The newer of the two; raises Damaged when one was altered, or none can be read."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return Anchor("")
        found = [self._read(text[at : at + PLACE_BYTES]) for at in (0, PLACE_BYTES)]
        newest = max((anchor for anchor in found if anchor), key=lambda anchor: anchor.position, default=None)
        if newest is None:
            raise Damaged(
                f"{self._path.name} is not readable. After a power cut it may be removed: the log is then"
                " held against the read models alone, and a new one is written"
            )
        self._next = 1 - found.index(newest)
        return newest

    def _read(self, place: bytes) -> Anchor | None:
        try:
            content = json.loads(place)
        except ValueError:
            return None
        if not isinstance(content, dict):
            return None
        signature = content.pop("signature", "")
        if not hmac.compare_digest(signature, self._sign(content)):
            raise Damaged(
                f"{self._path.name} was altered: its signature does not fit."
                " Restore it together with installation.key from one backup"
            )
        return Anchor(**content)

    def _sign(self, content: dict[str, object]) -> str:
        return hmac.new(self._key, json.dumps(content, sort_keys=True).encode(), hashlib.sha256).hexdigest()
