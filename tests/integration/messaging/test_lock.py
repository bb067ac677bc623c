import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.messaging.lock import DataDirInUse, DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import connect, ensure_streams
from tests.integration.conftest import until

ROOT = Path(__file__).parents[3]
PARENT = """
import asyncio, sys, threading
from pathlib import Path
from infra.messaging.lock import DataDirLock
from infra.messaging.server import NatsServer
from infra.messaging.streams import connect, ensure_streams

async def main():
    data_dir = Path(sys.argv[1])
    lock = DataDirLock(data_dir).acquire()
    server = await NatsServer(data_dir / "nats", lock.fd).start()
    nc = await connect(server.url, server.admin)
    print(server.pid, await ensure_streams(nc), flush=True)
    await asyncio.sleep(60)

if sys.argv[2] == "main thread":
    asyncio.run(main())
else:
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
"""


def killed_owner(data_dir: Path, thread: str) -> tuple[int, str]:
    """Starts an owner of the directory, kills it, and returns its server's process id and log id."""
    owner = subprocess.Popen([sys.executable, "-c", PARENT, data_dir, thread], stdout=subprocess.PIPE, cwd=ROOT)
    assert owner.stdout is not None
    pid, log_id = owner.stdout.readline().decode().split()
    with pytest.raises(DataDirInUse, match=f"in use by process {owner.pid}"):
        DataDirLock(data_dir).acquire()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    return int(pid), log_id


def is_free(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def runs(pid: int) -> bool:
    """Whether the process lives; one that only waits to be collected does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(listed.strip()) and not listed.strip().startswith("Z")


async def log_id_of(data_dir: Path, lock: DataDirLock) -> str:
    async with NatsServer(data_dir / "nats", lock.fd) as server:
        nc = await connect(server.url, server.admin)
        log_id = await ensure_streams(nc)
        await nc.close()
    return log_id


def test_a_second_owner_is_refused_with_the_process_that_owns_it(tmp_path):
    with DataDirLock(tmp_path), pytest.raises(DataDirInUse, match=f"{tmp_path} is in use by process {os.getpid()}"):
        DataDirLock(tmp_path).acquire()


def test_a_released_directory_can_be_owned_again(tmp_path):
    with DataDirLock(tmp_path):
        pass
    with DataDirLock(tmp_path) as lock:
        assert lock.fd >= 0


def test_what_the_lock_writes_is_for_its_user_alone(tmp_path):
    with DataDirLock(tmp_path / "new"):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert modes == {"owner.lock": 0o600, "store.lock": 0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


async def test_the_server_inherits_the_lock(tmp_path):
    lock = DataDirLock(tmp_path).acquire()
    server = await NatsServer(tmp_path / "nats", lock.fd).start()
    lock.release()
    assert not is_free(tmp_path / "store.lock")
    await server.stop()
    assert is_free(tmp_path / "store.lock")


async def test_after_a_killed_owner_a_start_works_at_once(tmp_path):
    """On Linux the kernel has ended the server with its owner; elsewhere the next owner does."""
    pid, log_id = killed_owner(tmp_path, "main thread")
    if sys.platform == "linux":
        await until(lambda: not runs(pid))
    with DataDirLock(tmp_path) as lock:
        assert await log_id_of(tmp_path, lock) == log_id


async def test_an_orphaned_server_is_ended_by_the_next_owner(tmp_path):
    pid, log_id = killed_owner(tmp_path, "another thread")
    assert runs(pid)
    with DataDirLock(tmp_path) as lock:
        assert not runs(pid)
        assert await log_id_of(tmp_path, lock) == log_id


def test_a_process_that_is_no_server_of_ours_is_not_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("infra.messaging.lock.GIVE_UP_SECONDS", 0.1)
    with (tmp_path / "store.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[file.fileno()])
        file.write(str(bystander.pid))
        file.flush()
        with pytest.raises(DataDirInUse, match=f"pid {bystander.pid}"):
            DataDirLock(tmp_path).acquire()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
