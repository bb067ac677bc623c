"""Connections to NATS that fail within a stated time and come back quickly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from infra.nats.lean import LeanClient

log = logging.getLogger(__name__)

DEFAULT_PORT = 4222
POLL_SECONDS = 0.01

Connect = Callable[..., Awaitable[LeanClient]]
"""Opens a client connection; keyword arguments are nats-py's. Made from `connect` with url and credentials bound."""


@dataclass(frozen=True)
class Credentials:
    """A user of the server. The password is not shown."""

    user: str
    password: str = field(repr=False)


class ServerAway(ConnectionError):
    """No server answered in time; the text says which and why."""


class JetStreamRefused(Exception):
    """JetStream's answer to an API request was an error."""

    def __init__(self, subject: str, error: dict[str, Any]) -> None:
        super().__init__(f"{subject}: {error.get('description')} ({error.get('err_code', error.get('code'))})")
        self.code: int = error.get("code", 0)
        self.err_code: int = error.get("err_code", 0)


class JetStreamAway(ConnectionError):
    """Nobody answered an API request: JetStream is starting, electing, or gone."""


async def connect(
    url: str, credentials: Credentials | None = None, *, patience: float = 5.0, **options: Any
) -> LeanClient:
    """A connection, or ServerAway after ``patience`` seconds; ``url`` may name several servers, separated by commas.

    nats-py waits two seconds after a refused first attempt: so the port is tried first.
    """
    servers = [each.strip() for each in url.split(",")]
    problems: list[Exception] = []

    async def noticed(error: Exception) -> None:
        if not (problems and isinstance(error, ConnectionError)):  # the server's own words say more than how it hung up
            problems[:] = [error]
        log.debug("nats: %s", error)

    wanted: dict[str, Any] = {
        "reconnect_time_wait": 0.05,
        "max_reconnect_attempts": -1,
        "connect_timeout": 2,
        "error_cb": noticed,
    }
    if credentials is not None:
        wanted |= {"user": credentials.user, "password": credentials.password}
    client = LeanClient()
    try:
        async with asyncio.timeout(patience):
            await _reachable(servers, problems)
            await client.connect(servers, **{**wanted, **options})
    except TimeoutError:
        why = str(problems[-1]) if problems else "no answer"
        raise ServerAway(f"no NATS server at {_shown(servers)} within {patience:g} s: {why}") from None
    return client


async def ask(nc: Client, subject: str, body: Any = None, timeout: float = 5.0) -> dict[str, Any]:
    """One request to JetStream's API and its answer; raises JetStreamRefused or JetStreamAway."""
    try:
        reply = await nc.request(subject, b"" if body is None else orjson.dumps(body), timeout=timeout)
    except (NoRespondersError, NatsTimeout, ConnectionClosedError) as error:
        raise JetStreamAway(f"{subject}: {error}") from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    if "error" in answer:
        raise JetStreamRefused(subject, answer["error"])
    return answer


async def _reachable(servers: list[str], problems: list[Exception]) -> None:
    while True:
        for server in servers:
            where = urlsplit(server if "://" in server else f"nats://{server}")
            try:
                _, writer = await asyncio.open_connection(where.hostname, where.port or DEFAULT_PORT)
            except OSError as error:
                problems[:] = [error]
            else:
                writer.close()
                return
        await asyncio.sleep(POLL_SECONDS)


def _shown(servers: list[str]) -> str:
    return ", ".join(server.rpartition("@")[2].removeprefix("nats://") for server in servers)
