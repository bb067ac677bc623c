"""The worker processes: each serves one script of one owner, idle ones are kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from infra.sandbox.worker import CannotStart, Worker

Key = tuple[str, ...]
"""Whose worker it is: space, evaluator version, source."""


class Workers:
    """At most ``busy`` workers at work, the longest waiting call first; of the idle the ``idle`` last used stay."""

    def __init__(self, command: Sequence[str], idle: int, busy: int) -> None:
        self._command = command
        self._most_idle = idle
        self._slots = asyncio.Semaphore(busy)
        self._idle: list[tuple[Key, Worker]] = []
        self._at_work: set[Worker] = set()
        self._closed = False

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """The right to keep one worker busy."""
        async with self._slots:
            yield

    async def take(self, key: Key, fresh: bool = False) -> Worker:
        """A worker that served nobody else, with ``fresh`` nobody at all. Within a slot; raises CannotStart."""
        if self._closed:
            raise CannotStart("the sandbox is closed")
        self._idle = [(owner, worker) for owner, worker in self._idle if worker.alive]
        for at in range(len(self._idle) - 1, -1, -1):
            if self._idle[at][0] == key and not fresh:
                _, worker = self._idle.pop(at)
                self._at_work.add(worker)
                return worker
        worker = await Worker.start(self._command)
        self._at_work.add(worker)
        return worker

    def give_back(self, key: Key, worker: Worker, keep: bool = True) -> None:
        """Keeps the worker for the same key, or ends it."""
        self._at_work.discard(worker)
        if not worker.alive:
            return
        if not keep or self._closed:
            worker.end()
            return
        self._idle.append((key, worker))
        while len(self._idle) > self._most_idle:
            self._idle.pop(0)[1].end()

    async def close(self) -> None:
        """Ends every worker; a call that waits for one gets WorkerGone."""
        self._closed = True
        ending = [w for _, w in self._idle] + list(self._at_work)
        self._idle.clear()
        for worker in ending:
            worker.end()
        await asyncio.gather(*(w.ended() for w in ending))
