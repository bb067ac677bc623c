"""Logs on a test's own server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from events import EVENTS
from events.event import Event, Metadata, Sealed
from infra.eventstore.jetstream_log import JetStreamLog
from tests.integration.conftest import HeldObjects


class Noted(Event):
    """An event of the tests alone: a sealed text and a number."""

    text: Sealed[str]
    number: int


class Renoted(Noted):
    """Its second version, with an upcast from a first one that called the number ``n``."""

    schema_version: ClassVar[int] = 2
    upcasts: ClassVar = {1: lambda p: {"text": p["text"], "number": p["n"]}}


KNOWN = {**EVENTS, "Noted": Noted}


def meta(command_id: str, digest: str = "", actor: str = "9") -> Metadata:
    return Metadata(actor, command_id, datetime(2025, 1, 1, tzinfo=UTC), digest, correlation=command_id)


def numbers(state: tuple[int, ...], event: Event) -> tuple[int, ...]:
    """Folds a stream to the numbers noted in it."""
    return (*state, event.number) if isinstance(event, Noted) else state


Opened = Callable[..., Awaitable[JetStreamLog]]


@pytest.fixture
def objects() -> HeldObjects:
    return HeldObjects()


@pytest.fixture
async def opened(bench, keys, objects) -> AsyncIterator[Opened]:
    """Opens logs on the test's server; closed at its end."""
    logs: list[JetStreamLog] = []

    async def open_log(known=KNOWN, witnesses=(), **options) -> JetStreamLog:
        log = JetStreamLog(bench.connect, known, keys, objects, witnesses, **options)
        await log.open()
        logs.append(log)
        return log

    yield open_log
    for log in logs:
        await log.close()
