"""The traces of what a worker does: noted while a task runs, written behind it, together with those that wait.

A run is never held up by its traces and never fails for them: what cannot be stored is dropped and counted. What a
kill takes from memory comes again where its task does: the outcome that stands is noted too, with the same ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from commands.traces.rows import line
from commands.traces.runs import Outcome, Step, rows_of
from cozeloop.prompting import PromptNotRenderable
from cozeloop.work.plans import Plan
from cozeloop.work.targets import call_of
from cozeloop.work.tasks import ItemTask
from events.event import Erased, Event
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed
from infra.llm.port import Chat

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
"""Spans that wait to be stored; more are dropped."""
TOGETHER_SECONDS = 0.1
"""After a batch was stored so long is waited for others: each costs a message, a seal and a sync."""
END_SECONDS = 1.0
OUTCOMES = (TargetAnswered, TargetFailed, EvaluatorScored, EvaluatorFailed)

Columns = Mapping[str, Any]
Put = Callable[[str, Sequence[bytes]], Awaitable[int]]


class RunTraces:
    """Shared by every task of a process. ``put`` stores lines of a space, ``name_of`` names a model by its id."""

    def __init__(self, put: Put, name_of: Callable[[str], str] = str) -> None:
        self._put = put
        self._name_of = name_of
        self._noted: dict[int, list[tuple[int, Outcome, Columns, int, int, Chat | None]]] = {}
        self._waiting: dict[str, list[bytes]] = {}
        self._held = 0
        self._writer: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self.dropped = 0

    def note(
        self,
        task: ItemTask,
        step: int,
        event: Event,
        columns: Columns,
        at: float,
        attempt: int = 0,
        call: Chat | None = None,
    ) -> None:
        """An outcome of the task, or of an attempt that was not the last; ``at`` in seconds.

        ``call`` is the target's; of one that was made before, it is made again from plan and row.
        """
        if isinstance(event, OUTCOMES):
            self._noted.setdefault(id(task), []).append((step, event, columns, int(at * 1_000_000), attempt, call))

    def send(self, task: ItemTask, plan: Plan | None) -> None:
        """The task has ended: what was noted of it goes on its way."""
        noted = self._noted.pop(id(task), [])
        if not noted:
            return
        try:
            lines = [line(r) for each in noted for r in rows_of(self._step(task, plan, *each))]
        except Exception:
            log.exception("the trace of run %s could not be made", task.run_id)
            return
        if self._held + len(lines) > MOST_WAITING:
            self.dropped += len(lines)
            return
        self._waiting.setdefault(task.space_id, []).extend(lines)
        self._held += len(lines)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    def _step(
        self,
        task: ItemTask,
        plan: Plan | None,
        step: int,
        event: Outcome,
        columns: Columns,
        at: int,
        attempt: int,
        call: Chat | None,
    ) -> Step:
        model = messages = ""
        if isinstance(event, EvaluatorScored | EvaluatorFailed):
            messages = "" if isinstance(event.asked, Erased) else event.asked
            model = _judge_model(plan, step)
        elif call is not None:
            model, messages = _said(call)
        elif plan is not None and plan.prompt is not None and columns:
            model, messages = _asked(plan, task, columns)
        texts = {k: (v or {}).get("text") or "" for k, v in columns.items()}
        given = orjson.dumps(texts).decode() if columns else ""
        named = self._name_of(model) if model else ""
        return Step(task.space_id, step, event, at, given, named, messages, attempt)

    async def close(self) -> None:
        """Writes what waits, as far as that goes in a second."""
        self._ending.set()
        if self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer], timeout=END_SECONDS)

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting, self._held = self._waiting, {}, 0
            for space, lines in waiting.items():
                try:
                    await self._put(space, lines)
                except Exception as error:
                    self.dropped += len(lines)
                    log.warning("%d spans of runs were not stored: %s", len(lines), error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TOGETHER_SECONDS):
                    await self._ending.wait()


def _asked(plan: Plan, task: ItemTask, columns: Columns) -> tuple[str, str]:
    """Which model the target asked, and with what: both follow from plan and row."""
    try:
        return _said(call_of(plan, task, columns))
    except (PromptNotRenderable, ValueError):
        return "", ""


def _said(call: Chat) -> tuple[str, str]:
    return call.model_id, orjson.dumps(list(call.messages), default=str).decode()


def _judge_model(plan: Plan | None, step: int) -> str:
    found = next((e.judge for e in plan.evaluators if e.step == step), None) if plan is not None else None
    config = ((found or {}).get("prompt_evaluator") or {}).get("model_config") or {}
    return str(config.get("model_id") or "")
