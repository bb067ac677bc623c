"""Logs of two processes on one server, and a reader of what is stored."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from infra.eventstore.jetstream_log import JetStreamLog
from infra.eventstore.verify import Verification, verify
from tests.e2e.processes import Platform
from tests.integration.conftest import HeldObjects
from tests.integration.eventstore.conftest import KNOWN

SOAK = os.environ.get("COZELOOP_SOAK") == "1"

Opened = Callable[..., Awaitable[JetStreamLog]]


@pytest.fixture
async def opened(bench, keys) -> AsyncIterator[Opened]:
    """Opens a log on connections of its own, as another process has them; closed at the test's end."""
    logs: list[JetStreamLog] = []
    objects = HeldObjects()

    async def open_log(witnesses=(), **options) -> JetStreamLog:
        log = JetStreamLog(bench.connect, KNOWN, keys, objects, witnesses, **options)
        await log.open()
        logs.append(log)
        return log

    yield open_log
    for log in logs:
        await log.close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform in processes of its own, ready."""
    with Platform(tmp_path / "data") as made:
        yield made.start().ready()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for all tests of a file that leave theirs running."""
    with Platform(tmp_path_factory.mktemp("shared") / "data") as made:
        yield made.start().ready()


async def verified(log: JetStreamLog, anchor=None) -> Verification:
    """The verdict over the whole log."""
    async for report in verify(log.reader, anchor):
        verdict = report
    return verdict
