import asyncio

import pytest

from infra.messaging.server import NatsServer
from infra.messaging.streams import EVENTS, StreamUnfit, connect, ensure_streams, ensure_work
from infra.nats.connecting import JetStreamAway, JetStreamRefused, ask


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ("STREAM.DELETE.EVENTS", None),
        ("STREAM.PURGE.EVENTS", {}),
        ("STREAM.UPDATE.EVENTS", {**EVENTS, "max_age": 1_000_000_000}),
        ("STREAM.CREATE.EVENTS", EVENTS),
        ("STREAM.MSG.DELETE.EVENTS", {"seq": 1}),
        ("STREAM.RESTORE.EVENTS", {"config": EVENTS, "state": {}}),
    ],
)
async def test_the_application_can_neither_delete_nor_change_the_log(bench, request_, body):
    nc = await bench.connect()
    await ask(nc, "events.1.x.1", {"n": 1})
    with pytest.raises(JetStreamAway):
        await ask(nc, f"$JS.API.{request_}", body, timeout=0.3)
    info = await ask(nc, "$JS.API.STREAM.INFO.EVENTS")
    assert info["state"]["messages"] == 1
    assert info["config"]["max_age"] == 0
    await nc.close()


@pytest.mark.parametrize(("request_", "body"), [("PURGE", {}), ("MSG.DELETE", {"seq": 1})])
async def test_not_even_the_admin_removes_a_single_event(bench, request_, body):
    nc = await bench.admin()
    await ask(nc, "events.1.x.1", {"n": 1})
    with pytest.raises(JetStreamRefused):
        await ask(nc, f"$JS.API.STREAM.{request_}.EVENTS", body)
    await nc.close()


async def test_the_log_id_is_made_once(bench):
    nc = await bench.admin()
    assert [await ensure_streams(nc) for _ in range(2)] == [bench.log_id] * 2
    await nc.close()


async def test_two_that_set_up_at_once_agree_on_the_log(tmp_path):
    async with NatsServer(tmp_path) as server:
        connections = [await connect(server.url, server.admin) for _ in range(4)]
        assert len(set(await asyncio.gather(*map(ensure_streams, connections)))) == 1
        for nc in connections:
            await nc.close()


async def test_a_log_that_somebody_made_otherwise_is_refused(tmp_path):
    async with NatsServer(tmp_path) as server:
        nc = await connect(server.url, server.admin)
        await ask(nc, "$JS.API.STREAM.CREATE.EVENTS", {"name": "EVENTS", "subjects": ["events.>"], "max_age": 10**12})
        with pytest.raises(StreamUnfit, match="max_age is 1000000000000, allow_atomic is None"):
            await ensure_streams(nc)
        await nc.close()


async def test_a_queue_made_again_is_another_queue(bench):
    nc = await bench.connect()
    first = await ensure_work(nc)
    assert await ensure_work(nc) == first
    await ask(nc, "$JS.API.STREAM.DELETE.WORK")
    assert await ensure_work(nc) != first
    await nc.close()
