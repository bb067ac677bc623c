"""64-bit ids as decimal strings: seconds (32 bits), milliseconds (10), counter (8), node (14); behaviour.md §1.5.

Nothing reads time or order from an id. A clock that steps back, and more than 256 ids in a millisecond, go on from
the last millisecond used, so that a node never gives an id twice while it holds its number.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

NODES = 1 << 14
COUNTERS = 1 << 8


class SnowflakeIds:
    """The ids of one node; the node's number is leased, so that no two processes share one.

    A function as ``node`` is asked at each id, and may raise when no number is held.
    """

    def __init__(
        self, node: int | Callable[[], int], milliseconds: Callable[[], int] = lambda: time_ns() // 1_000_000
    ) -> None:
        if isinstance(node, int):
            if not 0 <= node < NODES:
                raise ValueError(f"a node number is 0 to {NODES - 1}, not {node}")
            self._node: Callable[[], int] = lambda: node
        else:
            self._node = node
        self._milliseconds = milliseconds
        self._last = 0
        self._counter = 0

    def new(self) -> str:
        """One id."""
        node = self._node()
        now = self._milliseconds()
        if now > self._last:
            self._last, self._counter = now, 0
        elif self._counter < COUNTERS - 1:
            self._counter += 1
        else:
            self._last, self._counter = self._last + 1, 0
        seconds, millis = divmod(self._last, 1000)
        return str(seconds << 32 | millis << 22 | self._counter << 14 | node)

    def block(self, n: int) -> list[str]:
        """``n`` ids in rising order."""
        return [self.new() for _ in range(n)]
