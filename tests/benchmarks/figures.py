"""What was measured: figures with their rounds and goals, and the table that shows them."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MARKS = {True: "met", False: "**missed**", None: ""}


@dataclass(frozen=True)
class Goal:
    """A bound: ``at least`` (or, with ``most``, at most) this value. ``exact``: a wish of the architecture's."""

    value: float
    most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.value if self.most else value >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.most else '≥'} {shown(self.value)}"


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured in each round, and what it is to be."""

    name: str
    unit: str
    rounds: Sequence[float]
    goal: Goal | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def met(self) -> bool | None:
        return self.goal.met(self.median) if self.goal else None

    @property
    def spread(self) -> str:
        low, high = min(self.rounds), max(self.rounds)
        return "" if len(self.rounds) == 1 else f"{shown(low)} – {shown(high)}"

    def cells(self) -> tuple[str, ...]:
        goal = str(self.goal) if self.goal else ""
        return (self.name, f"{shown(self.median)} {self.unit}".strip(), self.spread, goal, MARKS[self.met], self.note)


HEAD = ("figure", "median", "spread", "goal", "", "how")


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table with columns of even width."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def shown(value: float) -> str:
    """Three digits that matter, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def machine() -> str:
    """Processor, cores, memory, kernel, Python, nats-server: what the figures hold for."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if (info.exists())
        else []
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.2f} at the start"
    )
