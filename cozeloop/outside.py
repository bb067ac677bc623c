"""The ports towards whoever is outside: readers of events, and receivers of webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class EventQuery:
    """Which events an operator wants to see; empty = all. ``since`` and ``after`` exclude, ``limit`` is the page."""

    space: str = ""
    capability: str = ""
    stream: str = ""
    type: str = ""
    after: int = 0
    since: datetime | None = None
    limit: int = 100


class EventLine(NamedTuple):
    """An event with its envelope as JSON, for whoever reads the log from outside."""

    position: int
    data: bytes


class TooManyReaders(Exception):
    """No further reader is taken now; the text says whose bound it is."""


class SubscriptionsEnded(Exception):
    """The platform is stopping: go on later from the last position."""


class EventReader(Protocol):
    """A place in the log that moves forward. Close it."""

    position: int
    """The last position that need not be seen again."""

    async def page(self, seconds: float, limit: int = ...) -> Sequence[EventLine]:
        """The next events wanted, waiting so long at most; may be empty. Raises SubscriptionsEnded."""
        ...

    async def ended(self) -> None:
        """Returns when the platform stops."""
        ...

    def close(self) -> None:
        """Gives its place back."""
        ...


class Subscriptions(Protocol):
    """The log for readers outside."""

    @property
    def readers(self) -> int:
        """How many are open."""
        ...

    @property
    def behind(self) -> int:
        """How many positions the slowest of them has not looked at yet."""
        ...

    async def read(self, query: EventQuery, owner: str, after: int | None = None) -> EventReader:
        """A reader behind a position, or behind all that has happened.

        Raises ValueError for what names no stream or a position behind the log's end, TooManyReaders and
        SubscriptionsEnded.
        """
        ...

    def end(self) -> None:
        """Every reader ends, and there will be no other."""
        ...


@dataclass(frozen=True)
class DeliveryOutcome:
    """What came of one attempt: an HTTP status (0: nobody answered), and why it is no success (empty when it is)."""

    status: int
    error: str


@dataclass(frozen=True)
class WebhookFigures:
    """Attempts of this process by outcome, those that were not the first; deliveries that wait and were given up."""

    attempts: Mapping[str, int]
    retries: int
    waiting: int
    undelivered: int


class Webhooks(Protocol):
    """What follows an event outside, as the edge needs it."""

    def check(self, url: str) -> None:
        """Raises ValueError saying what is wrong with a URL."""
        ...

    async def add_secret(self, webhook_id: str, space: str) -> str:
        """Makes the webhook's secret durable and returns it, which is never shown again."""
        ...

    async def remove_secret(self, webhook_id: str) -> None:
        """Forgets the secret."""
        ...

    async def test(self, webhook: Mapping[str, Any]) -> DeliveryOutcome:
        """One delivery of an event that did not happen, now."""
        ...

    async def deliveries(self, webhook_id: str, state: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """What is due or was given up, in the order of the log."""
        ...

    async def redeliver(self, webhook_id: str, delivery_id: str) -> bool:
        """Due again from now on; False when there is no such delivery."""
        ...

    async def figures(self) -> WebhookFigures:
        """How deliveries go, over all spaces."""
        ...
