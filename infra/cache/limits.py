"""Rate limits in this process: the generic cell rate algorithm, one number per key.

Each key keeps the time at which its next call would be on time (its theoretical arrival). A call is allowed while
that lies no further ahead than the burst permits. Keys whose time has passed are as good as new and are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

SWEEP = 10_000
"""Keys held before those that are as good as new are dropped."""
ROUNDING = 1e-6
"""Seconds by which sums of binary fractions may be off."""


class ProcessLimits:
    """Limits of one process. ``clock`` gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._sweep_at = SWEEP

    async def allow(self, key: str, rate: float, burst: int) -> bool:
        """Whether one more call is within ``rate`` a second and ``burst`` at once; a rate of 0 or less allows all."""
        return await self.reserve(key, rate, burst) is not None

    async def reserve(self, key: str, rate: float, burst: int, cost: float = 1, patience: float = 0.0) -> float | None:
        """Takes a place in the key's queue: the seconds until it is this call's turn, 0 = now.

        None when that is longer than ``patience``; nothing is counted then. A negative cost gives back.
        """
        if rate <= 0:
            return 0.0
        now = self._clock()
        arrival = max(self._arrivals.get(key, now), now)
        wait = max(arrival - now - (burst - cost) / rate - ROUNDING, 0.0)
        if wait > patience:
            return None
        self._arrivals[key] = arrival + cost / rate
        if len(self._arrivals) > self._sweep_at:
            self._arrivals = {k: a for k, a in self._arrivals.items() if a > now}
            self._sweep_at = max(SWEEP, 2 * len(self._arrivals))
        return wait
