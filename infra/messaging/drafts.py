"""Drafts on stream DRAFTS: sealed under the space's key, the last 50 revisions of each, protected by sequence."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import Error as NatsError

from infra.eventstore.log import Damaged, LogUnavailable, NoRoom, Unknown
from infra.nats.connecting import ask
from infra.vault.keys import Keyring

STREAM = "DRAFTS"
WRONG_SEQUENCE = 10071
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
ATTEMPTS = 5
TIMEOUT_SECONDS = 5.0


class DraftConflict(Exception):
    """Somebody saved another revision since the one expected."""


@dataclass(frozen=True)
class StoredDraft:
    """A draft's newest revision; the revision is its place in the stream."""

    revision: int
    content: dict[str, Any]
    saved_at: datetime


class JetStreamDrafts:
    """The port `Drafts`."""

    def __init__(
        self, nc: Client, keyring: Keyring, now: Callable[[], datetime], shortage: Callable[[], str] = lambda: ""
    ) -> None:
        self._nc = nc
        self._shortage = shortage
        self._keyring = keyring
        self._now = now

    async def load(self, space: str, capability: str, id: str, user: str = "") -> StoredDraft | None:
        """The newest revision; None when there is none or its key has been destroyed.

        Raises LogUnavailable when the server is away, and Damaged for a draft that was altered or moved.
        """
        subject = _subject(space, capability, id, user)
        try:
            msg = await self._nc.request(f"$JS.API.DIRECT.GET.{STREAM}.{subject}", b"", timeout=TIMEOUT_SECONDS)
        except NatsError as error:
            raise LogUnavailable(f"drafts cannot be read: {error}") from error
        headers = msg.headers or {}
        if headers.get("Status") == "404":
            return None
        if "Status" in headers:
            raise LogUnavailable(f"drafts cannot be read: {headers['Status']} {headers.get('Description')}")
        wire = orjson.loads(msg.data)
        key = self._keyring.cached(wire["key"]) or await self._keyring.by_id(wire["key"])
        if key is None:
            return None
        try:
            plain = key.open(b64decode(wire["nonce"]), b64decode(wire["sealed"]), subject.encode())
        except InvalidTag as error:
            raise Damaged(f"the draft {subject} was altered") from error
        at = datetime.fromisoformat(wire["saved_at"])
        return StoredDraft(int(headers["Nats-Sequence"]), orjson.loads(plain), at)

    async def save(
        self,
        space: str,
        capability: str,
        id: str,
        content: dict[str, Any],
        user: str = "",
        expected: int | None = None,
    ) -> StoredDraft:
        """Writes a revision unless it equals the newest; with ``expected``, raises DraftConflict over another.

        Raises LogUnavailable when nothing was written, and Unknown when nobody can say.
        """
        for _ in range(ATTEMPTS):
            newest = await self.load(space, capability, id, user)
            standing = newest.revision if newest else 0
            if expected is not None and expected != standing:
                raise DraftConflict(f"revision {standing} was saved since revision {expected}")
            if newest is not None and newest.content == content:
                return newest
            at = self._now()
            subject = _subject(space, capability, id, user)
            sequence = await self._publish(space, subject, content, at, standing)
            if sequence:
                return StoredDraft(sequence, content, at)
        raise DraftConflict("others kept saving at the same time")

    async def remove(self, space: str) -> int:
        """Every revision of every draft of a space is gone; returns how many there were."""
        if not space.isdecimal():
            raise ValueError(f"not a space: {space!r}")
        answer = await ask(self._nc, f"$JS.API.STREAM.PURGE.{STREAM}", {"filter": f"drafts.{space}.>"})
        return int(answer.get("purged", 0))

    async def _publish(self, space: str, subject: str, content: dict[str, Any], at: datetime, standing: int) -> int:
        """The revision's sequence, 0 when another was first."""
        if shortage := self._shortage():
            raise NoRoom(shortage)
        key = self._keyring.current(space) or await self._keyring.of(space)
        nonce, sealed = key.seal(orjson.dumps(content), subject.encode())
        wire = {
            "key": key.id,
            "nonce": b64encode(nonce).decode(),
            "sealed": b64encode(sealed).decode(),
            "saved_at": at.isoformat(),
        }
        answer = orjson.loads((await self._sent(subject, orjson.dumps(wire), {EXPECTED: str(standing)})).data)
        refused = answer.get("error")
        if refused is None:
            return int(answer["seq"])
        if refused.get("err_code") == WRONG_SEQUENCE:
            return 0
        raise LogUnavailable(f"the draft was not saved: {refused.get('description')}")

    async def _sent(self, subject: str, data: bytes, headers: dict[str, str]) -> Msg:
        try:
            return await self._nc.request(subject, data, timeout=TIMEOUT_SECONDS, headers=headers)
        except (NoRespondersError, ConnectionClosedError) as error:
            raise LogUnavailable(f"the draft was not saved: {error}") from error
        except NatsError as error:
            raise Unknown(f"whether the draft was saved is not known: {error}") from error


def _subject(space: str, capability: str, id: str, user: str) -> str:
    return f"drafts.{space}.{capability}.{id}" + (f".{user}" if user else "")
