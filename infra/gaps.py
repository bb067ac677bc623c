"""Positions whose loss an operator has accepted: a hole there is no news."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Gaps:
    """Ranges of positions, first and last inclusive, apart and in order."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Gaps:
        """What ``str`` gave."""
        return cls(tuple((int(f), int(t)) for f, _, t in (part.partition("-") for part in text.split(",") if part)))

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def hold(self, first: int, last: int) -> bool:
        """Whether every position from ``first`` to ``last`` is lost and accepted; True for an empty range."""
        for begin, end in self.ranges:
            if begin <= first <= end:
                first = end + 1
        return first > last

    def touch(self, after: int, before: int) -> bool:
        """Whether something is lost between two positions."""
        return any(begin < before and end > after for begin, end in self.ranges)

    def upto(self, last: int) -> Gaps:
        """Those of a log that ends there."""
        return Gaps(tuple((first, min(end, last)) for first, end in self.ranges if first <= last))

    def with_ranges(self, more: Iterable[tuple[int, int]]) -> Gaps:
        """These and further ones."""
        return Gaps(tuple(sorted({*self.ranges, *more})))
