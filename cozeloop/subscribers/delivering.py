"""Delivers what is due to webhooks: a few at a time to each, again with growing pauses, until it is given up."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cozeloop.outside import DeliveryOutcome, WebhookFigures
from cozeloop.subscribers import deliveries
from cozeloop.subscribers.webhooks import signed
from infra.outbound.addresses import AddressRefused
from infra.outbound.client import Answer, NotReached
from infra.sql.database import Database
from projections.reading import micros
from projections.webhooks.webhooks import get_webhook

log = logging.getLogger("cozeloop.subscribers")

AT_ONCE = 32
AT_ONCE_EACH = 4
LONGEST_PAUSE = 3600.0
LOOKED_FOR_SECONDS = 60.0
KEPT_MICROS = 30 * 24 * 3600 * 1_000_000
"""How long what was given up can still be delivered again."""
SECOND = 1_000_000


class Post(Protocol):
    """Sends a delivery."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises AddressRefused or NotReached."""
        ...


class Secrets(Protocol):
    """Webhooks' secrets."""

    async def get(self, webhook_id: str) -> bytes | None:
        """None when there is none."""
        ...


@dataclass(frozen=True)
class Retries:
    """How often a delivery is tried in all; the pause after the first time in seconds, then twice as long each time."""

    attempts: int = 12
    pause: float = 10.0

    def after(self, attempts: int) -> float | None:
        """Seconds until the next attempt when so many were made; None when it is given up."""
        return None if attempts >= self.attempts else min(self.pause * 2 ** (attempts - 1), LONGEST_PAUSE)


class Deliverer:
    """Works off the table of what is due. ``body_of`` renders the event at a position; the same each time."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        outbound: Post,
        body_of: Callable[[int], Awaitable[bytes | None]],
        now: Callable[[], datetime],
        retries: Retries,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._outbound = outbound
        self._body_of = body_of
        self._now = now
        self._retries = retries
        self._woken = asyncio.Event()
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self.outcomes: Counter[str] = Counter()
        """Attempts since the start: ``delivered``, ``failed`` and tried again, ``given_up``."""
        self.retries = 0
        """Those of the attempts that were not a delivery's first."""

    def wake(self) -> None:
        """There may be something due."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers for as long as it is not cancelled; what is under way then is due again at the next start."""
        try:
            while True:
                self._woken.clear()
                try:
                    pause = await self._begin()
                except Exception:
                    log.exception("what is due to webhooks could not be read; trying again")
                    pause = 1.0
                try:
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def once(self, webhook: Mapping[str, Any], delivery_id: str, body: bytes) -> DeliveryOutcome:
        """One attempt, which changes nothing."""
        secret = await self._secrets.get(webhook["webhook_id"])
        if secret is None:
            return DeliveryOutcome(0, "its secret is gone")
        headers = signed(secret, delivery_id, int(self._now().timestamp()), body)
        try:
            answer = await self._outbound.post(webhook["url"], body, headers)
        except (AddressRefused, NotReached) as error:
            return DeliveryOutcome(0, str(error))
        return DeliveryOutcome(answer.status, "" if answer.accepted else f"it answered {answer.status}")

    async def figures(self) -> WebhookFigures:
        """What was attempted since the start, and what is there now."""
        waiting = await self._database.read(deliveries.counted, deliveries.DUE)
        undelivered = await self._database.read(deliveries.counted, deliveries.UNDELIVERED)
        return WebhookFigures(dict(self.outcomes), self.retries, waiting, undelivered)

    async def _begin(self) -> float:
        """Begins what is due and may be begun; seconds until something else is due."""
        now = micros(self._now())
        busy = Counter(webhook for webhook, _ in self._running.values())
        running = frozenset(self._running)
        rows = await self._database.read(deliveries.take, now, busy, running, AT_ONCE_EACH)
        for row in rows[: AT_ONCE - len(running)]:
            task = asyncio.get_running_loop().create_task(self._deliver(row))
            self._running[row["delivery_id"]] = (row["webhook_id"], task)
        following = await self._database.read(deliveries.next_due, now)
        return LOOKED_FOR_SECONDS if following is None else min((following - now) / SECOND, LOOKED_FOR_SECONDS)

    async def _deliver(self, row: Mapping[str, Any]) -> None:
        delivery_id = row["delivery_id"]
        try:
            await self._attempt(row)
        except Exception:
            log.exception("delivery %s could not be attempted; trying again", delivery_id)
            await asyncio.sleep(1)
        finally:
            self._running.pop(delivery_id, None)
            self.wake()

    async def _attempt(self, row: Mapping[str, Any]) -> None:
        delivery_id = row["delivery_id"]
        webhook = await self._database.read(get_webhook, row["webhook_id"])
        body = await self._body_of(row["position"]) if webhook else None
        if webhook is None or body is None:
            await self._database.write(deliveries.removed, row["webhook_id"])
            return
        self.retries += row["attempts"] > 0
        outcome = await self.once(webhook, delivery_id, body)
        if not outcome.error:
            await self._database.write(deliveries.delivered, delivery_id)
            self.outcomes["delivered"] += 1
            return
        now = micros(self._now())
        pause = self._retries.after(row["attempts"] + 1)
        next_at = None if pause is None else now + int(pause * SECOND)
        await self._database.write(deliveries.failed, delivery_id, outcome.status, outcome.error, next_at)
        self.outcomes["failed" if next_at is not None else "given_up"] += 1
        if next_at is None:
            log.info("delivery %s is given up: %s", delivery_id, outcome.error)
            await self._database.write(deliveries.old, now - KEPT_MICROS)
