"""What is due to webhooks when an event has happened, and the words in which it is told.

Signed by the rules of Standard Webhooks 1.0: HMAC-SHA-256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cozeloop.operations import event_type
from events import EVENTS
from events.event import Recorded
from events.webhooks import WebhookCreated, WebhookDeleted
from infra.sql.database import Database
from projections.webhooks.webhooks import all_webhooks

OWN = "webhooks"
"""The capability whose events go to nobody: they hold others' addresses."""
MOST_SUBJECTS = 200
SAVED_EVERY = 1000
"""Events that were due to nobody after which the position is saved nevertheless."""


@dataclass(frozen=True)
class Hook:
    """A webhook as it is decided by: whose, from where on, and of which types (none = all)."""

    id: str
    space: str
    position: int
    types: frozenset[str]


@dataclass(frozen=True)
class Due:
    """Something to be delivered. The id is the same whenever it is found out."""

    id: str
    hook: str
    space: str
    position: int
    type: str


Save = Callable[[int, Sequence[Due]], Awaitable[None]]
"""Makes a position durable together with what is due up to it."""


def delivery_id(webhook_id: str, event_id: str) -> str:
    """The id under which a receiver knows that it has seen a delivery before."""
    return hashlib.sha256(f"{webhook_id}/{event_id}".encode()).hexdigest()[:32]


def due_of(recorded: Recorded[Any], hooks: Iterable[Hook]) -> list[Due]:
    """What an event is due to: webhooks of its space that were created before it and asked for its type."""
    name, space = event_type(recorded), recorded.stream.space
    if recorded.stream.capability == OWN:
        return []
    return [
        Due(delivery_id(h.id, recorded.id), h.id, space, recorded.position, name)
        for h in hooks
        if h.space == space and h.position < recorded.position and (not h.types or name in h.types)
    ]


def subjects_of(hooks: Iterable[Hook]) -> list[str]:
    """The subjects to listen to: webhooks' own, and of each space the capabilities whose events are asked for."""
    wanted = {f"events.{h.space}.{c}.>" for h in hooks for c in capabilities_of(h.types)}
    return [f"events.*.{OWN}.>", *sorted(wanted)] if len(wanted) <= MOST_SUBJECTS else ["events.>"]


def capabilities_of(types: Iterable[str]) -> set[str]:
    """The capabilities that say these names; all of them for none, or for a name of another release."""
    said = {name: cls.__module__.rpartition(".")[2] for name, cls in EVENTS.items()}
    known = {said.get(name, "") for name in types} or {""}
    return (set(said.values()) if "" in known else known) - {OWN}


def signed(secret: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery; ``at`` in unix seconds."""
    digest = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "CozeLoop-ES-Webhooks",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


class WebhookEvents:
    """Follows the log for webhooks: what is due is durable, with the position, before an event is acknowledged.

    ``shown`` waits until the read model of webhooks shows a position; ``changed`` is called when other events are
    wanted from now on.
    """

    def __init__(
        self,
        database: Database,
        shown: Callable[[int], Awaitable[None]],
        save: Save,
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._shown = shown
        self._save = save
        self._changed = changed
        self._saved = 0
        self.hooks: Sequence[Hook] = ()
        self.position = 0

    async def begin(self, position: int) -> list[str]:
        """Goes on behind a position; the subjects to listen to."""
        self.position = self._saved = position
        await self._load(position)
        return subjects_of(self.hooks)

    async def follow(self, recorded: Recorded[Any]) -> None:
        """Takes an event in. What it raises changes nothing; the event is to come again."""
        if recorded.position <= self.position:
            return
        hooks_changed = isinstance(recorded.event, WebhookCreated | WebhookDeleted)
        if hooks_changed:
            await self._load(recorded.position)
        due = due_of(recorded, self.hooks)
        if due or hooks_changed or recorded.position - self._saved >= SAVED_EVERY:
            await self._save(recorded.position, due)
            self._saved = recorded.position
        self.position = recorded.position
        if hooks_changed:
            self._changed()

    async def _load(self, position: int) -> None:
        await self._shown(position)
        rows = await self._database.read(all_webhooks)
        self.hooks = [Hook(r["webhook_id"], r["space_id"], r["position"], frozenset(r["types"])) for r in rows]
