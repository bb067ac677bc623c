"""The quotas of ``scenario_configs``: calls and tokens a minute, for each model and scenario.

A call within its quota goes at once. Beyond it waits for its turn, as long as its patience, or is refused. Each attempt
counts as a call. Of tokens ``max_tokens`` is taken beforehand, and what was really used is settled with the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from infra.llm.model import Model
from infra.llm.port import CALLS_USED_UP, TOKENS_USED_UP, Chat, ModelFailed

MINUTE = 60.0
FOR_EVER = 1e9
"""Seconds; more than anybody waits."""


class Limits(Protocol):
    """The rate limits of the installation (`cozeloop.platform.RateLimits`)."""

    async def reserve(self, key: str, rate: float, burst: int, cost: float = 1, patience: float = 0.0) -> float | None:
        """Seconds until it is this call's turn; None, and nothing counted, when they are more than the patience."""
        ...


class Turn:
    """A call within its quota."""

    def __init__(self, limits: Limits, key: str, tpm: int, taken: int) -> None:
        self._limits, self._key, self._tpm, self._taken = limits, key, tpm, taken

    async def settle(self, used: int) -> None:
        """Counts the tokens that were used in place of those that were taken."""
        if self._tpm > 0 and used != self._taken:
            await self._limits.reserve(self._key, self._tpm / MINUTE, self._tpm, used - self._taken, FOR_EVER)


class Quotas:
    """Lets calls in. Keys are ``qpm:<model>:<scenario>`` and ``tpm:<model>:<scenario>``."""

    def __init__(self, limits: Limits, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._limits = limits
        self._sleep = sleep

    async def enter(self, model: Model, call: Chat, max_tokens: int, patience: float) -> Turn:
        """Returns when it is the call's turn. Raises ModelFailed when that is later than ``patience`` seconds."""
        quota = model.quota(call.scenario)
        qpm, tpm = (quota.qpm, quota.tpm) if quota else (0, 0)
        calls, tokens = (f"{what}:{model.id}:{call.scenario}" for what in ("qpm", "tpm"))
        wait = await self._limits.reserve(calls, qpm / MINUTE, qpm, 1, patience)
        if wait is None:
            raise _used_up(model, call, f"{qpm} calls", CALLS_USED_UP)
        taken = min(max_tokens or 1, tpm)  # one call may always use the whole quota
        longer = await self._limits.reserve(tokens, tpm / MINUTE, tpm, taken, patience) if tpm > 0 else 0.0
        if longer is None:
            await self._limits.reserve(calls, qpm / MINUTE, qpm, -1, FOR_EVER)
            raise _used_up(model, call, f"{tpm} tokens", TOKENS_USED_UP)
        if wait := max(wait, longer):
            await self._sleep(wait)
        return Turn(self._limits, tokens, tpm, taken)


def _used_up(model: Model, call: Chat, what: str, code: int) -> ModelFailed:
    text = f"model {model.name}: the quota of {what} a minute for {call.scenario} is used up, try again in a minute"
    return ModelFailed(text, code, retryable=True)
