"""Platforms in processes of their own, for tests that stop, kill and break them.

with Platform(tmp_path / "data") as platform:
    platform.start().ready()
    tour = Tour(platform.url)
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from cozeloop.cli import app

GENEROUS_SECONDS = 60.0
ENVIRONMENT = {"COZELOOP_LOGIN_PER_MINUTE": "100000", "COZELOOP_MODEL_CONFIG": ""}


class Platform:
    """``cozeloop up`` on one data directory, started as often as a test likes. Left alive, it is killed at the end."""

    def __init__(self, data_dir: Path, port: int = 0, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = data_dir.with_name(data_dir.name + ".stderr")

    def __enter__(self) -> Platform:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def start(self) -> Platform:
        """A new process; returns at once."""
        command = [sys.executable, "-m", "cozeloop", "up", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        with open(self.log_file, "ab") as log:
            self._process = subprocess.Popen(
                command, env=environment(self._environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def answering(self) -> Platform:
        """Returns when /ping answers."""
        until(self._pings, "the platform answers /ping", self)
        return self

    def ready(self, seconds: float = GENEROUS_SECONDS) -> Platform:
        """Returns when health says 200."""
        until(lambda: self.health()[0] == 200, "the platform is ready", self, seconds)
        return self

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /v1/platform/health; 0 while nobody answers."""
        try:
            answer = self.http.get("/v1/platform/health")
        except httpx.HTTPError:
            return 0, {}
        return answer.status_code, answer.json()

    @property
    def pid(self) -> int:
        """The platform's own process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log_server(self) -> int:
        """The process id of its nats-server, 0 while there is none."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        pids = children.read_text().split() if children.exists() else []
        return next((int(pid) for pid in pids if "nats-server" in command_of(int(pid))), 0)

    @property
    def said(self) -> str:
        """Everything that its processes wrote to stdout and stderr."""
        return self.log_file.read_text()

    def signal(self, number: int) -> None:
        """Sends the platform a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = GENEROUS_SECONDS) -> int:
        """Its exit status; negative for a signal."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.said}") from None

    def stop(self, number: int = SIGTERM) -> int:
        """Tells it to end and waits; the exit status."""
        self.signal(number)
        return self.wait()

    def kill(self) -> None:
        """kill -9 of the parent alone."""
        self.signal(SIGKILL)
        self.wait()

    def _pings(self) -> bool:
        try:
            return self.http.get("/ping").status_code == 200
        except httpx.HTTPError:
            return False

    def check_alive(self) -> None:
        """Fails with what it said when it is not running."""
        assert self._process is not None and self._process.poll() is None, self.said


def cozeloop(*arguments: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cozeloop", *map(str, arguments)],
        env=environment(changed),
        capture_output=True,
        text=True,
        timeout=GENEROUS_SECONDS * 2,
        check=False,
    )


def command(*arguments: str | Path) -> Result:
    """Runs a command of the operator's in this process: a second less than `cozeloop`, the same code behind it."""
    with TemporaryEnvironment():
        result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


class TemporaryEnvironment:
    """Ours for the length of a block."""

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        self._umask = os.umask(0o077)
        os.environ.clear()
        os.environ.update(environment({}))

    def __exit__(self, *_: object) -> None:
        os.umask(self._umask)
        os.environ.clear()
        os.environ.update(self._before)


def environment(changed: Mapping[str, str]) -> dict[str, str]:
    """Ours without settings of the person who runs the tests."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COZELOOP_")}
    wanted = {**inherited, **ENVIRONMENT, "COLUMNS": "200", "TERM": "dumb", **changed}
    return {k: v for k, v in wanted.items() if v}


def until(
    true: Callable[[], Any], what: str, platform: Platform | None = None, seconds: float = GENEROUS_SECONDS
) -> None:
    """Waits for something outside this process; fails with what the platform said."""
    end = time.monotonic() + seconds
    while not true():
        if platform is not None:
            platform.check_alive()
        assert time.monotonic() < end, f"in vain: {what}\n{platform.said if platform else ''}"
        time.sleep(0.01)


def eventually(holds: Callable[[], Any], seconds: float = GENEROUS_SECONDS) -> None:
    """Waits until something holds that no sentence is needed for."""
    until(holds, "it comes about", seconds=seconds)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_of(pid: int) -> str:
    """A process' command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
