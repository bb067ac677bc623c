"""One owner of a data directory, also after the owner was killed and its nats-server lives on.

Two files are locked. ``owner.lock`` is held by the owner alone: who gets it knows that no other owner lives.
``store.lock`` is inherited by nats-server, which takes no lock of its own: it is held as long as either lives, so
whoever owns the directory and finds it held has met an orphan, ends it, and waits until its files are closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

POLL_SECONDS = 0.01
TERMINATE_SECONDS = 4.0
GIVE_UP_SECONDS = 8.0


class DataDirInUse(Exception):
    """Another process owns the data directory; the text names it."""


class DataDirLock:
    """Owns a data directory from `acquire` to `release`. The directory is created when it is missing."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir
        self._owner = -1
        self.fd = -1
        """What nats-server inherits; -1 while nothing is held."""

    def __enter__(self) -> DataDirLock:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> DataDirLock:
        """Takes the directory, ending an orphan first (some seconds at most); raises DataDirInUse."""
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = _open(self._dir / "owner.lock")
        if not _locked(owner):
            pid = _pid_in(owner)
            os.close(owner)
            whose = f"process {pid}" if pid else "another process"
            raise DataDirInUse(f"the data directory {self._dir} is in use by {whose}: stop that one first")
        store = _open(self._dir / "store.lock")
        try:
            _end_orphan(store, self._dir)
        except DataDirInUse:
            os.close(store)
            os.close(owner)
            raise
        name_holder(owner, os.getpid())
        name_holder(store, os.getpid())
        os.set_inheritable(store, True)
        self._owner, self.fd = owner, store
        return self

    def release(self) -> None:
        """Gives the directory up. Harmless when it is not held."""
        for fd in (self.fd, self._owner):
            if fd >= 0:
                os.close(fd)
        self.fd = self._owner = -1


def name_holder(fd: int, pid: int) -> None:
    """Writes into a lock file who holds it."""
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(pid).encode(), 0)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(fd: int) -> int:
    text = os.pread(fd, 32, 0)
    return int(text) if text.isdigit() else 0


def _end_orphan(store: int, data_dir: Path) -> None:
    """Returns with ``store`` locked. A process is ended only if it is a nats-server of this very directory."""
    began = time.monotonic()
    told = 0
    while not _locked(store):
        waited = time.monotonic() - began
        orphan = _pid_in(store)
        if orphan and told == 0 and _is_ours(orphan, data_dir):
            _signal(orphan, signal.SIGTERM)
            told = orphan
        elif told and waited > TERMINATE_SECONDS and _is_ours(told, data_dir):
            _signal(told, signal.SIGKILL)
        if waited > GIVE_UP_SECONDS:
            raise DataDirInUse(f"a process left over from an earlier run holds {data_dir} (pid {orphan or 'unknown'})")
        time.sleep(POLL_SECONDS)


def _is_ours(pid: int, data_dir: Path) -> bool:
    return "nats-server" in (command := _command_of(pid)) and str(data_dir.resolve()) in command


def _command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    try:
        listing = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
