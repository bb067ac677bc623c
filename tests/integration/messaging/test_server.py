import asyncio
import os
import signal

import pytest

from infra.messaging.server import MOST_DEATHS, NatsServer, ServerFailed
from infra.messaging.streams import connect, ensure_streams
from infra.nats.connecting import ServerAway, ask
from tests.integration.conftest import until


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


async def test_a_killed_server_is_started_again_on_its_port_with_what_it_held(bench):
    told = []
    url, pid = bench.server.url, bench.server.pid
    bench.server._on_restart = lambda: asyncio.sleep(0, told.append(bench.server.pid))
    kill(pid)
    await until(lambda: told)
    assert bench.server.url == url
    assert told == [bench.server.pid] != [pid]
    nc = await bench.admin()
    assert await ensure_streams(nc) == bench.log_id
    await nc.close()


async def test_connections_come_back_by_themselves_after_a_restart(bench):
    nc = await bench.connect()
    before = bench.server.pid
    kill(before)
    await until(lambda: bench.server.restarts == 1 and nc.is_connected)
    assert (await ask(nc, "$JS.API.STREAM.INFO.EVENTS"))["config"]["metadata"]["log_id"] == bench.log_id
    await nc.close()


async def test_the_fifth_death_within_a_minute_is_the_last(tmp_path):
    sentences: list[str] = []
    async with NatsServer(tmp_path, on_give_up=sentences.append) as server:
        for death in range(MOST_DEATHS):
            kill(server.pid)
            await until(lambda n=death: server.restarts == n + 1 or sentences)
        assert server.restarts == MOST_DEATHS - 1
        assert server.pid == 0
    assert sentences[0].startswith("nats-server ended 5 times within 60 s, last with signal 9; it is not started again")
    assert len(sentences) == 1


async def test_a_restart_that_was_asked_for_is_no_death(tmp_path):
    sentences: list[str] = []
    async with NatsServer(tmp_path, on_give_up=sentences.append) as server:
        pids = [server.pid]
        for _ in range(MOST_DEATHS + 1):
            await server.restart()
            pids.append(server.pid)
        assert len(set(pids)) == MOST_DEATHS + 2
        assert 0 not in pids
    assert sentences == []


@pytest.mark.parametrize(("synced", "said"), [(True, "sync_interval: always"), (False, 'sync_interval: "2m"')])
async def test_every_write_is_synced_unless_the_store_is_filled_in_one_go(tmp_path, synced, said):
    async with NatsServer(tmp_path, synced=synced):
        assert said in (tmp_path / "nats.conf").read_text()
        assert "parse" not in (tmp_path / "nats-server.log").read_text(), "the server takes the time for what it is"


async def test_a_stopped_server_is_not_started_again(tmp_path):
    server = await NatsServer(tmp_path).start()
    pid = server.pid
    await server.stop()
    assert (server.pid, server.restarts) == (0, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await server.stop()


async def test_a_server_that_cannot_start_says_why(tmp_path):
    (tmp_path / "js").write_text("in the way")
    with pytest.raises(
        ServerFailed, match=r"ended with exit status 1 while starting; its log ends with: .*is not a directory"
    ):
        await NatsServer(tmp_path).start()


async def test_credentials_are_for_their_owner_alone_and_shown_nowhere(tmp_path):
    async with NatsServer(tmp_path) as server:
        assert (tmp_path / "nats.conf").stat().st_mode & 0o777 == 0o600
        assert server.app.password not in repr(server.app)
        assert server.app.password not in (tmp_path / "nats-server.log").read_text()


async def test_nobody_gets_in_without_a_password(bench):
    with pytest.raises(ServerAway, match=r"(?i)authorization"):
        await connect(bench.server.url, patience=1)


async def test_the_server_listens_on_loopback_alone(bench):
    assert bench.server.url.startswith("nats://127.0.0.1:")
    log = (bench.server._dir / "nats-server.log").read_text()
    assert f"Listening for client connections on 127.0.0.1:{bench.server.port}" in log


async def test_a_server_that_is_away_is_named_in_time():
    with pytest.raises(ServerAway, match=r"no NATS server at 127\.0\.0\.1:9 within 0\.2 s"):
        await connect("nats://user:secret@127.0.0.1:9", patience=0.2)


async def test_a_connection_waits_for_a_server_that_is_coming(bench):
    kill(bench.server.pid)
    nc = await bench.connect()
    assert nc.is_connected
    await nc.close()


class Refused(NatsServer):
    """Loses a cancellation while it waits for a child to answer, as `asyncio.wait_for` does in Python 3.11."""

    waiting = lost = False

    async def _answers(self) -> None:
        if self.restarts < 0:
            self.waiting = True
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                self.lost = True
        await super()._answers()


async def test_a_server_that_is_coming_back_is_stopped_although_a_cancellation_gets_lost(tmp_path):
    async with Refused(tmp_path) as server:
        server.restarts = -1
        kill(server.pid)
        await until(lambda: server.waiting)
    assert server.lost and server.pid == 0
