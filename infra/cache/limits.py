"""Rate limits in this process: the generic cell rate algorithm, one number per key.

Each key keeps the time at which its next call would be on time (its theoretical arrival). A call is allowed while
that lies no further ahead than the burst permits. Keys whose time has passed are as good as new and are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

SWEEP = 10_000
"""Keys held before those that are as good as new are dropped."""


class ProcessLimits:
    """Limits of one process. ``clock`` gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._sweep_at = SWEEP

    async def allow(self, key: str, rate: float, burst: int) -> bool:
        """Whether one more call is within ``rate`` a second and ``burst`` at once; a rate of 0 or less allows all."""
        if rate <= 0:
            return True
        now = self._clock()
        arrival = max(self._arrivals.get(key, now), now)
        if arrival - now > (burst - 1) / rate:
            return False
        self._arrivals[key] = arrival + 1 / rate
        if len(self._arrivals) > self._sweep_at:
            self._arrivals = {k: a for k, a in self._arrivals.items() if a > now}
            self._sweep_at = max(SWEEP, 2 * len(self._arrivals))
        return True
