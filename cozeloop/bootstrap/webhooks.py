"""Webhooks: what follows the log for them, what delivers, and what the edge may ask. Begun with the first webhook."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from cozeloop.bootstrap.core import Core
from cozeloop.outside import WebhookFigures
from cozeloop.platform import DeliveryOutcome, LogUnavailable
from cozeloop.subscribers import deliveries
from cozeloop.subscribers.delivering import Deliverer, Retries
from cozeloop.subscribers.webhooks import Due, WebhookEvents
from cozeloop.subscriptions import encoded
from events.event import Recorded
from infra import clock
from infra.eventstore.envelope import stored
from infra.messaging.feed import RawEvent
from infra.outbound.addresses import AddressPolicy, AddressRefused, Network, networks_of, target_of
from infra.outbound.client import Outbound
from projections.reading import micros
from projections.webhooks.webhooks import WEBHOOKS, all_webhooks

log = logging.getLogger("cozeloop.bootstrap")

CATCH_UP_SECONDS = 30.0
LOOKED_FOR_SECONDS = 5.0
TEST_BODY = {"type": "WebhookTest", "payload": {}}


class NetworksWrong(Exception):
    """COZELOOP_OUTBOUND_ALLOWED_NETWORKS names something else than networks."""


class WebhookEngine:
    """The port `cozeloop.platform.Webhooks`, and what goes on behind it."""

    def __init__(self, core: Core) -> None:
        settings = core.process.settings
        self._core = core
        self._policy = AddressPolicy(allowed_networks(settings.outbound_allowed_networks))
        self._outbound = Outbound(self._policy)
        self._deliverer = Deliverer(
            core.database,
            core.vault.hooks,
            self._outbound,
            self._body_of,
            clock.now,
            Retries(settings.webhook_attempts, settings.webhook_retry_seconds),
        )
        self._changed = asyncio.Event()
        self._events = WebhookEvents(core.database, self._shown, self._save, self._changed.set)
        self._position = 0

    # A follower of the feed: it only looks whether there is a webhook at all

    @property
    def position(self) -> int:
        """It holds nobody back."""
        return self._position

    async def open(self) -> int:
        """Where it stands."""
        return self._position

    async def apply(self, batch: Sequence[Recorded[Any]]) -> None:
        """Wakes what waits for the first webhook."""
        self._position = max(self._position, batch[-1].position)
        if any(r.stream.capability == WEBHOOKS.name for r in batch):
            self._changed.set()

    async def begin(self, end: int) -> None:
        """Creates the tables; the position is that of the last start, else the log's end."""
        self._position = end
        self._after = await self._core.database.write(deliveries.open_tables, self._core.log_id, end)
        self._core.process.on_close(self._outbound.aclose)
        self._core.process.platform.webhooks = self

    async def run(self) -> None:
        """Delivers, and follows the log while there is a webhook."""
        delivering = asyncio.get_running_loop().create_task(self._deliverer.run())
        try:
            await self._first()
            await self._follow()
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def _first(self) -> None:
        """Returns when there is a webhook."""
        while True:
            self._changed.clear()
            try:
                if await self._core.database.read(all_webhooks):
                    return
            except Exception:
                log.exception("whether there are webhooks could not be read; trying again")
                await asyncio.sleep(1)
                continue
            await self._changed.wait()

    async def _follow(self) -> None:
        from infra.messaging.subscribing import EventSubscriber  # takes half a second, and most platforms have none

        subscriber = EventSubscriber(self._core.connected, self._take)
        self._events.position = self._after
        try:
            while True:
                self._changed.clear()
                try:
                    await subscriber.open(await self._events.begin(self._events.position), self._events.position)
                    while await subscriber.there():
                        if await self._was_changed():
                            break
                except Exception as error:
                    log.warning("events for webhooks: %s; trying again", error, exc_info=error)
                    await asyncio.sleep(1)
        finally:
            await subscriber.close()

    async def _was_changed(self) -> bool:
        try:
            async with asyncio.timeout(LOOKED_FOR_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _take(self, raw: RawEvent) -> None:
        """The function that FastStream drives."""
        record = stored(raw.subject, raw.headers, raw.data, raw.sequence, raw.timestamp)
        [recorded] = await self._core.log.decode([record])
        await self._events.follow(recorded)

    async def _shown(self, position: int) -> None:
        if not await self._core.projection.positions.reached(WEBHOOKS.name, position, CATCH_UP_SECONDS):
            raise LogUnavailable(f"the read model of webhooks is not at {position} yet")

    async def _save(self, position: int, due: Sequence[Due]) -> None:
        await self._core.database.write(deliveries.save, position, due, micros(clock.now()))
        if due:
            self._deliverer.wake()

    async def _body_of(self, position: int) -> bytes | None:
        found = await self._core.log.read_all(position - 1, 1)
        return encoded(found[0]) if found and found[0].position == position else None

    # The port

    def check(self, url: str) -> None:
        """Raises ValueError for what is no address, or names a private one."""
        from ipaddress import ip_address

        try:
            host = target_of(url).host
        except AddressRefused as error:
            raise ValueError(str(error)) from None
        try:
            address = ip_address(host)
        except ValueError:
            return  # a name is looked at when something is sent
        if not self._policy.allows(address):
            raise ValueError("leads into a private network")

    async def add_secret(self, webhook_id: str, space: str) -> str:
        """In the vault."""
        return await self._core.vault.hooks.add(webhook_id, space)

    async def remove_secret(self, webhook_id: str) -> None:
        """From the vault, with all that is due."""
        await self._core.vault.hooks.remove(webhook_id)
        await self._core.database.write(deliveries.removed, webhook_id)

    async def test(self, webhook: Mapping[str, Any]) -> DeliveryOutcome:
        """An event of a type that none has."""
        return await self._deliverer.once(webhook, f"test_{secrets.token_hex(16)}", orjson.dumps(TEST_BODY))

    async def deliveries(self, webhook_id: str, state: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Rows of the table."""
        return await self._core.database.read(deliveries.listed, webhook_id, state, after, limit)

    async def redeliver(self, webhook_id: str, delivery_id: str) -> bool:
        """From now on."""
        now = micros(clock.now())
        found = await self._core.database.write(deliveries.redeliver, webhook_id, delivery_id, now)
        self._deliverer.wake()
        return found

    async def figures(self) -> WebhookFigures:
        """Of the deliverer."""
        return await self._deliverer.figures()


def allowed_networks(text: str) -> list[Network]:
    """The private networks that user-given URLs may lead to; raises NetworksWrong."""
    try:
        return networks_of(text)
    except ValueError as error:
        raise NetworksWrong(f"COZELOOP_OUTBOUND_ALLOWED_NETWORKS: {error}") from None


def erase_webhooks(core: Core) -> Callable[[str], Awaitable[int]]:
    """Removes what is due of a space, and its webhooks' secrets; also where no platform runs."""

    async def remove(space: str) -> int:
        due = await core.database.write(deliveries.removed_space, space)
        return due + await core.vault.hooks.remove_space(space)

    return remove
