"""A node number that no other process holds: a key of a NATS bucket with a time to live, renewed while in use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Iterable

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from infra.ids import NODES
from infra.nats.ending import ended

log = logging.getLogger(__name__)

TTL_SECONDS = 30.0
BUCKET = "NODES"


class NoNodeNumber(Exception):
    """No number is held: every one that was tried is somebody's, or the own one could not be renewed in time."""


class NodeLease:
    """Holds a number from `acquire` to `release`.

    When the server was away for longer than the number lives, it is not given out until it was renewed; if another
    process has taken it meanwhile, a new one is taken.
    """

    def __init__(self, nc: Client, ttl: float = TTL_SECONDS) -> None:
        self._nc = nc
        self._ttl = ttl
        self._value = str(os.getpid()).encode()
        self._bucket: KeyValue
        self._node = -1
        self._revision = 0
        self._valid_until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    @property
    def node(self) -> int:
        """The number held; raises NoNodeNumber."""
        if time.monotonic() >= self._valid_until:
            raise NoNodeNumber("no node number is held: the log server has been away for too long")
        return self._node

    async def acquire(self) -> int:
        """A free number, 1 first; raises NoNodeNumber."""
        config = KeyValueConfig(bucket=BUCKET, ttl=self._ttl, history=1)
        self._bucket = await self._nc.jetstream().create_key_value(config)
        await self._take((1, 2, 3, *random.sample(range(4, NODES), 64)))
        self._renewing = asyncio.get_running_loop().create_task(self._renew(), name="renew-node-number")
        return self._node

    async def release(self) -> None:
        """Gives the number back."""
        if self._renewing:
            await ended(self._renewing)
            self._renewing = None
        if self._valid_until and self._nc.is_connected:
            self._valid_until = 0.0
            with contextlib.suppress(NatsError):
                await self._bucket.delete(str(self._node), last=self._revision)

    async def _take(self, nodes: Iterable[int]) -> None:
        for node in nodes:
            began = time.monotonic()
            try:
                self._revision = await self._bucket.create(str(node), self._value)
            except KeyWrongLastSequenceError:
                continue
            self._node = node
            self._valid_until = began + self._ttl
            return
        raise NoNodeNumber("no free node number was found")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._ttl / 3)
            began = time.monotonic()
            try:
                self._revision = await self._bucket.update(str(self._node), self._value, last=self._revision)
            except KeyWrongLastSequenceError:
                log.warning("node number %d has run out", self._node)
                self._valid_until = 0.0
                await self._take_again()
            except NatsError as error:
                log.warning("node number %d was not renewed: %s", self._node, error)
            else:
                self._valid_until = began + self._ttl

    async def _take_again(self) -> None:
        """The same number if it is still free, else another one."""
        try:
            await self._take((self._node, *random.sample(range(1, NODES), 64)))
        except (NoNodeNumber, NatsError) as error:
            log.warning("no node number: %s", error)
