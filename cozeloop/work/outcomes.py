"""Outcomes into the log: at once when few wait, as one atomic batch when many do, never delayed for company.

A single durable append costs one sync, a batch six or seven whatever its size: from eight waiting ones on the batch
is cheaper (engine-facts §7). A chunk's outcomes come together and go together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from events.event import Recorded
from infra.eventstore.log import Conflict, EventLog, Issue

TOGETHER = 8
MOST = 200

Outcome = list[Recorded[Any]] | Conflict


class Outcomes:
    """Shared by every task of a process."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._waiting: deque[tuple[Issue, asyncio.Future[Outcome]]] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused_batches = 0
        """Batches that the log refused and that went one by one."""

    async def put(self, issues: Sequence[Issue]) -> list[Outcome]:
        """What became of each: recorded, or a Conflict where another worker's outcome stands."""
        if len(issues) >= TOGETHER:
            return list(await self._group(issues))
        return list(await asyncio.gather(*(self._one(issue) for issue in issues)))

    async def _one(self, issue: Issue) -> Outcome:
        if self._under_way < TOGETHER:
            return (await self._counted([issue]))[0]
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((issue, future))
        return await future

    async def _counted(self, issues: Sequence[Issue]) -> list[Outcome]:
        self._under_way += 1
        try:
            return list(await self._group(issues))
        finally:
            self._under_way -= 1
            self._next()

    def _next(self) -> None:
        """A place is free: the waiting ones go together when they are many, else the first of them."""
        if not self._waiting:
            return
        take = min(len(self._waiting), MOST) if len(self._waiting) >= TOGETHER else 1
        batch = [self._waiting.popleft() for _ in range(take)]
        task = asyncio.get_running_loop().create_task(self._deliver(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, batch: Sequence[tuple[Issue, asyncio.Future[Outcome]]]) -> None:
        try:
            results = await self._counted([issue for issue, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    async def _group(self, issues: Sequence[Issue]) -> Sequence[Outcome]:
        results = await self._log.append_group(issues)
        if len(issues) > 1 and any(isinstance(r, Conflict) for r in results):
            self.refused_batches += 1
        return results
