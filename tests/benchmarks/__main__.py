"""``python -m tests.benchmarks [NAME ...] [--quick] [--rounds N] [--write]``."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from tests.benchmarks.figures import Figure, machine, table

GROUPS = (
    "appends",
    "durability",
    "loading",
    "commands",
    "mget",
    "experiments",
    "lag",
    "replaying",
    "subscribing",
    "traces",
    "imports",
    "footprint",
)
LONG = ("million",)
"""Groups that take minutes, measured when they are named."""
ROUNDS, QUICK_ROUNDS = 5, 2
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Measure = Callable[[int, bool], Coroutine[Any, Any, list[Figure]]]


def main() -> int:
    chosen = arguments()
    unknown = set(chosen.names) - {*GROUPS, *LONG}
    if unknown:
        sys.stderr.write(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join((*GROUPS, *LONG))}\n")
        return 2
    where = machine()
    print(where, flush=True)
    figures: list[Figure] = []
    failed: list[str] = []
    begun = time.monotonic()
    for name in chosen.names or GROUPS:
        measure: Measure = importlib.import_module(f"tests.benchmarks.{name}").measure
        started = time.monotonic()
        print(f"\n{name} …", flush=True)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(measure(chosen.rounds, chosen.quick))
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        figures += found
        print(f"{table(found)}\n({time.monotonic() - started:.0f} s)", flush=True)
    shown = f"{where}; {chosen.rounds} rounds, {time.monotonic() - begun:.0f} s\n\n{table(figures)}"
    if len(chosen.names) != 1:
        print(f"\n{shown}")
    for figure in figures:
        if figure.met is False:
            print(f"missed: {figure.name}: {figure.cells()[1]}, goal {figure.goal}")
    if chosen.write and not failed:
        write(shown)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*GROUPS, *LONG)))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds; for the ratios, not the table")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    return chosen


def write(shown: str) -> None:
    """Replaces what stands between the marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.exit(main())
