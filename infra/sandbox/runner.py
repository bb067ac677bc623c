"""The adapter of the port `CodeRunner`: batches of turns to workers, and what becomes of those that misbehave."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.sandbox import protocol
from infra.sandbox.modules import ALLOWED_MODULES, PRELOADED
from infra.sandbox.pool import Key, Workers
from infra.sandbox.port import EXECUTION_FAILED, INPUT_INVALID, NO_RUNTIME, CodeResult
from infra.sandbox.selftest import probed
from infra.sandbox.static import static_refusal
from infra.sandbox.worker import CannotStart, TookTooLong, Worker, WorkerGone

CHILD: Final = Path(__file__).with_name("child.py")
CHECK_SECONDS: Final = 5.0
CODE_BYTES: Final = 1024 * 1024
SHARE: Final = 0.1
"""What each further turn of a call adds to its time, in parts of the first one's."""
AGAIN_SECONDS: Final = 30.0
"""How long a failed self-test stands before it is made again."""
COMPILING: Final[Key] = ("", "compile")


def command_of(mode: str, modules: Sequence[str], python: str = sys.executable, child: Path = CHILD) -> list[str]:
    """How a worker is started: isolated from the environment, without site-packages."""
    flags = ("-I", "-S", "-B")
    return [python, *flags, str(child.absolute()), mode, str(os.getpid()), ",".join(modules), ",".join(PRELOADED)]


class SandboxCodeRunner:
    """Code evaluators in worker processes without access to anything.

    ``idle`` workers are kept for their evaluator version, ``busy`` (default: four, or the processors) work at once.
    When the self-test fails every answer is an error, unless ``unsafe``: then scripts run in plain processes.
    """

    def __init__(
        self,
        *,
        unsafe: bool = False,
        idle: int = 8,
        busy: int = max(4, os.cpu_count() or 4),
        modules: Sequence[str] = ALLOWED_MODULES,
        python: str = sys.executable,
        child: Path = CHILD,
    ) -> None:
        self._unsafe = unsafe
        self._probing = command_of("isolated", (*ALLOWED_MODULES, "ctypes", "os"), python, child)
        self._isolated = Workers(command_of("isolated", modules, python, child), idle, busy)
        self._plain = Workers(command_of("plain", modules, python, child), idle, busy)
        self._fault: str | None = None
        self._tested_at = 0.0
        self._testing = asyncio.Lock()

    async def self_test(self) -> str:
        """Empty when a worker of this system can reach nothing, from inside and by /proc; else the reason."""
        async with self._testing:
            return await self._test()

    async def close(self) -> None:
        """Ends every worker; calls under way get errors."""
        await asyncio.gather(self._isolated.close(), self._plain.close())

    def check_static(self, code: str) -> tuple[int, str] | None:
        """See the port."""
        return static_refusal(code)

    async def check_syntax(self, code: str) -> str:
        """See the port. Compiled in a worker: a hostile source may end the compiler."""
        if len(code) > CODE_BYTES:
            return f"the code is longer than {CODE_BYTES} characters"
        workers, fault = await self._workers()
        if workers is None:
            return fault
        nonce = secrets.token_hex(8)
        async with workers.slot():
            try:
                worker = await workers.take(COMPILING)
            except CannotStart as error:
                return str(error)
            try:
                line = await worker.ask(protocol.compilation(nonce, code), CHECK_SECONDS)
                wrong = protocol.answer(line, nonce).get("error")
            except (WorkerGone, TookTooLong, protocol.Garbage) as error:
                worker.end()
                return f"the compiler gave up: {error}"
            finally:
                workers.give_back(COMPILING, worker)
        return str(wrong)

    async def evaluate(
        self,
        space_id: str,
        version_id: str,
        code: str,
        turns: Sequence[Mapping[str, Any]],
        timeout: float = 5.0,
    ) -> list[CodeResult]:
        """See the port."""
        workers, fault = await self._workers()
        if workers is None:
            return [CodeResult(error_code=NO_RUNTIME, error=fault) for _ in turns]
        found: list[CodeResult | None] = []
        sendable: list[bytes] = []
        for turn in turns:
            try:
                sendable.append(protocol.encoded(turn))
                found.append(None)
            except protocol.TurnUnusable as error:
                found.append(CodeResult(error_code=INPUT_INVALID, error=str(error)))
        task = _Evaluation(workers, (space_id, version_id, code), code, timeout)
        answered = iter([r for call in protocol.calls(sendable) for r in await task.results(call)])
        return [one or next(answered) for one in found]

    async def _workers(self) -> tuple[Workers | None, str]:
        """Where scripts may run here, or None and why not."""
        if self._fault != "":
            async with self._testing:
                if self._fault is None or asyncio.get_running_loop().time() - self._tested_at > AGAIN_SECONDS:
                    await self._test()
        if not self._fault:
            return self._isolated, ""
        if self._unsafe:
            return self._plain, ""
        return None, f"code evaluators are off, this system does not isolate them: {self._fault}"

    async def _test(self) -> str:
        self._fault = await probed(self._probing)
        self._tested_at = asyncio.get_running_loop().time()
        return self._fault


class _Evaluation:
    """One evaluator version and its way through the workers."""

    def __init__(self, workers: Workers, key: Key, code: str, timeout: float) -> None:
        self._workers = workers
        self._key = key
        self._code = code
        self._timeout = timeout

    async def results(self, turns: Sequence[bytes]) -> list[CodeResult]:
        """A result for each turn. When a call of several fails, each goes alone: only the guilty ones fail again."""
        found: list[CodeResult] = []
        while len(found) < len(turns):
            left = turns[len(found) :]
            if len(left) == 1:
                return [*found, await self._alone(left[0])]
            try:
                found += await self._call(left, self._timeout * (1 + SHARE * (len(left) - 1)))
            except CannotStart as error:
                found += [CodeResult(error_code=NO_RUNTIME, error=str(error))] * len(left)
            except (WorkerGone, TookTooLong):
                found += [await self._alone(turn) for turn in left]
        return found

    async def _alone(self, turn: bytes, fresh: bool = False) -> CodeResult:
        """The result of one turn; asked again of a fresh worker when one died: of the turn, or of something else."""
        try:
            return (await self._call([turn], self._timeout, fresh))[0]
        except CannotStart as error:
            return CodeResult(error_code=NO_RUNTIME, error=str(error))
        except TookTooLong as error:
            took = int(self._timeout * 1000)
            return CodeResult(error_code=EXECUTION_FAILED, error=f"timeout: {error}", duration_ms=took)
        except WorkerGone as error:
            if not fresh:
                return await self._alone(turn, fresh=True)
            return CodeResult(error_code=EXECUTION_FAILED, error=f"the script ended its worker: {error}")

    async def _call(self, turns: Sequence[bytes], seconds: float, fresh: bool = False) -> list[CodeResult]:
        """One line to a worker, one back; fewer results than turns when the worker must be replaced."""
        async with self._workers.slot():
            worker = await self._workers.take(self._key, fresh)
            keep = False
            used = worker.calls > 0
            try:
                found, dirty = await exchange(worker, turns, None if used else self._code, seconds)
                keep = not dirty
            finally:
                self._workers.give_back(self._key, worker, keep)
            return found


async def exchange(
    worker: Worker, turns: Sequence[bytes], code: str | None, seconds: float
) -> tuple[list[CodeResult], bool]:
    """A call and its answer. Raises WorkerGone, for garbage too, and TookTooLong."""
    nonce = secrets.token_hex(8)
    line = await worker.ask(protocol.evaluation(nonce, turns, code), seconds)
    try:
        return protocol.results(protocol.answer(line, nonce), len(turns))
    except protocol.Garbage as error:
        raise WorkerGone(str(error)) from error
