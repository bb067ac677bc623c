"""The port carries its own exam: the cases that the eventsourcing library ships for recorders, against ours.

ProcessRecorder and TrackingRecorder do not apply: positions live in the read databases.
"""

import asyncio
from secrets import token_hex
from unittest import TestCase

import pytest
from eventsourcing.tests import persistence as cases

from infra.eventstore.library import LibraryAggregateRecorder, LibraryRecorder
from infra.messaging.server import NatsServer
from infra.messaging.streams import connect, ensure_streams


@pytest.fixture(autouse=True)
def recorders(request, tmp_path):
    """A server for the case; its recorders are closed before it."""
    with asyncio.Runner() as runner:
        server = NatsServer(tmp_path / "nats")
        runner.run(server.start())

        async def set_up():
            nc = await connect(server.url, server.admin)
            await ensure_streams(nc)
            await nc.close()

        runner.run(set_up())
        made = []

        def create():
            kind = LibraryAggregateRecorder if isinstance(request.instance, TestAggregateRecorder) else LibraryRecorder
            made.append(kind(lambda **options: connect(server.url, server.app, **options)))
            return made[-1]

        request.instance.create_recorder = create
        yield
        for recorder in made:
            recorder.close()
        runner.run(server.stop())


class TextIds:
    """Ids are text; versions may begin anywhere."""

    def new_originator_id(self) -> str:
        return token_hex(16)

    def create_recorder(self):
        raise AssertionError("set by the fixture")


class TestAggregateRecorder(TextIds, cases.AggregateRecorderTestCase):
    """Insert, select, bounds, and the refusal of a version that is taken."""


class TestApplicationRecorder(TextIds, cases.ApplicationRecorderTestCase):
    """The same with positions, ten writers of 10,000 events, and subscriptions."""

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(TextIds, cases.NonInterleavingNotificationIDsBaseCase):
    """Two writers of a thousand events each never mix their positions."""


del TestCase
