"""One worker process and the two pipes to it. Whatever it does that was not agreed ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

from infra.sandbox.protocol import ANSWER_BYTES

START_SECONDS: Final = 20.0
TRIES: Final = 3
READ: Final = 256 * 1024
READY: Final = b'{"ready": true}'


class CannotStart(Exception):
    """No worker: the system refused the process or one of its walls."""


class WorkerGone(Exception):
    """The worker died, or was ended for what it answered."""


class TookTooLong(Exception):
    """No answer in time; the worker was ended."""


class Worker:
    """A child process that answers one line to each line. Made by `start`, and used by one task at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        self.pid = process.pid
        self.calls = 0
        """How many answers it gave."""
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._sent = bytearray()
        self._got = bytearray()
        self._waiter: asyncio.Future[bytes] | None = None
        self._why = ""
        self._writing = False
        self._reaped: asyncio.Future[int] | None = None
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._loop.add_reader(self._out, self._readable)

    @classmethod
    async def start(cls, command: Sequence[str], tries: int = TRIES) -> Worker:
        """A worker behind its walls. Raises CannotStart.

        One that dies before it is ready has run no script: somebody else ended it, and another one is started.

        The process is started by the loop's own thread, without a copy of this one (vfork): it dies with that thread.
        """
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - about half a millisecond, and bound to this thread
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"no worker process: {error}") from error
        worker = cls(process)
        try:
            said = await worker._line(b"", START_SECONDS)
        except (WorkerGone, TookTooLong) as error:
            if isinstance(error, WorkerGone) and tries > 1:
                return await cls.start(command, tries - 1)
            raise CannotStart(f"the worker did not start: {error}") from error
        if said != READY:
            worker.end()
            raise CannotStart(f"the worker did not start: {said[:500].decode(errors='replace')}")
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._reaped is None

    async def ask(self, line: bytes, seconds: float) -> bytes:
        """The answer without its end of line. Raises WorkerGone or TookTooLong; then the worker is ended."""
        said = await self._line(line, seconds)
        self.calls += 1
        return said

    def end(self) -> None:
        """SIGKILL. Harmless when it is gone already."""
        if self._reaped is None:
            self._loop.remove_reader(self._out)
            self._loop.remove_writer(self._in)
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._reaped = self._loop.run_in_executor(None, self._process.wait)

    async def ended(self) -> int:
        """The exit status, negative for a signal, of a worker that was ended."""
        assert self._reaped is not None
        return await asyncio.shield(self._reaped)

    async def _line(self, line: bytes, seconds: float) -> bytes:
        if not self.alive:
            raise WorkerGone(self._why)
        self._waiter = self._loop.create_future()
        late = self._loop.call_later(seconds, self._fail, TookTooLong(f"no answer within {seconds:g} s"))
        try:
            self._sent += line
            self._writable()
            return await self._waiter
        except WorkerGone as error:
            if str(error):
                raise
            raise WorkerGone(died(await self.ended())) from error
        finally:
            late.cancel()
            if self._waiter.cancelled() or not self._waiter.done():
                self.end()
            self._waiter = None

    def _writable(self) -> None:
        """Sends what the pipe takes; the rest when it takes more."""
        try:
            while self._sent:
                del self._sent[: os.write(self._in, self._sent)]
        except BlockingIOError:
            self._loop.add_writer(self._in, self._writable)
            self._writing = True
            return
        except OSError:
            self._fail(WorkerGone(""))
            return
        if self._writing:
            self._loop.remove_writer(self._in)
            self._writing = False

    def _readable(self) -> None:
        try:
            chunk = os.read(self._out, READ)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._got += chunk
        at = self._got.find(b"\n", max(len(self._got) - len(chunk), 0))
        if not chunk:
            self._fail(WorkerGone(""))
        elif self._waiter is None or self._waiter.done():
            self._fail(WorkerGone("it answered without being asked"))
        elif at >= 0 and self._sent:
            self._fail(WorkerGone("it answered before it had heard the question"))
        elif at >= 0 and at + 1 < len(self._got):
            self._fail(WorkerGone("it answered more than one line"))
        elif len(self._got) > ANSWER_BYTES:
            self._fail(WorkerGone(f"it answered more than {ANSWER_BYTES} bytes"))
        elif at >= 0:
            self._waiter.set_result(bytes(self._got[:at]))
            self._got.clear()

    def _fail(self, error: Exception) -> None:
        self._why = self._why or str(error) or "it died"
        self.end()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def died(status: int) -> str:
    """How a process ended, in words."""
    if status == -signal.SIGKILL:
        return "it closed its pipe, or the system ended it"
    if status < 0:
        return f"it was killed by {signal.Signals(-status).name}"
    return f"it ended by itself, status {status}"
