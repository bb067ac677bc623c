"""A log of a million events: what a start, a load, a backup and a restore take. By name alone: it takes minutes.

The events are outcomes of one experiment's items, in batches; the platform that starts on them folds them all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from events.event import Stream
from infra.eventstore.log import Append, Tail
from tests.benchmarks.appends import meta, scored, stream
from tests.benchmarks.figures import Figure
from tests.benchmarks.rigs import SPACE, embedded_at
from tests.e2e.processes import Platform

EVENTS, FEW = 1_000_000, 50_000
BATCH = 500
LOADED = 20


async def measure(rounds: int, quick: bool) -> list[Figure]:
    """One round: it is minutes, and the numbers are large."""
    count = FEW if quick else EVENTS
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        data = Path(folder) / "data"
        filling = await fill(data, count)
        size = sum(p.stat().st_size for p in (data / "nats").rglob("*") if p.is_file()) / count
        first = start(data)
        second = start(data)
        cold = await cold_load(data)
        backup, restore = Path(folder) / "backup", Path(folder) / "restored"
        backed_up = timed("backup", str(backup), "--data-dir", str(data))
        restored = timed("restore", str(backup), "--data-dir", str(restore), "--keys", str(data))
        again = start(restore)
    what = f"{count:,} events"
    return [
        Figure(f"{what}: appended in batches of {BATCH}", "events/s", [count / filling]),
        Figure(f"{what}: on disk", "bytes/event", [size], note="the log alone"),
        Figure(f"{what}: start to ready, read models empty", "s", [first], note="all of them folded"),
        Figure(f"{what}: start to ready", "s", [second]),
        Figure(f"{what}: cold load of {LOADED} events of one stream", "ms", [cold * 1e3]),
        Figure(f"{what}: backup", "s", [backed_up]),
        Figure(f"{what}: restore, verified", "s", [restored]),
        Figure(f"{what}: start to ready after the restore", "s", [again], note="read models folded anew"),
    ]


async def fill(data: Path, count: int) -> float:
    """Seconds that the appends took. The looked-for stream's events lie spread over the log."""
    async with embedded_at(data, serving=False) as platform:
        log = platform.platform.log
        await platform.platform.keys.create(SPACE)
        tail = Tail()
        begun = time.perf_counter()
        for number in range(count // BATCH):
            to = stream()
            await log.append([Append(to, [scored() for _ in range(BATCH)])], {to.name: Tail()}, meta())
            if number % (count // BATCH // LOADED) == 0:
                last = (await log.append([Append(SPREAD, [scored()])], {SPREAD.name: tail}, meta()))[-1]
                tail = Tail(last.version, last.position, last.hash)
        return time.perf_counter() - begun


SPREAD = Stream(SPACE, "experiments", "7000000000000000002")


async def cold_load(data: Path) -> float:
    """Seconds of loading the spread stream with nothing in memory; the median of nine."""
    async with embedded_at(data, serving=False) as platform:
        log = platform.platform.log
        took = []
        for _ in range(9):
            begun = time.perf_counter()
            loaded = await log.load([SPREAD], 0, lambda state, _: state + 1, fresh=True)
            took.append(time.perf_counter() - begun)
            if loaded.state < LOADED:
                raise RuntimeError(f"{loaded.state} events of {LOADED}")
            log.forget()  # type: ignore[attr-defined]
        return sorted(took)[len(took) // 2]


def start(data: Path) -> float:
    """Seconds from the command to a platform that is ready."""
    begun = time.perf_counter()
    with Platform(data) as platform:
        platform.start().ready(seconds=1800)
        took = time.perf_counter() - begun
        platform.stop()
    return took


def timed(*arguments: str) -> float:
    """Seconds of a command."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cozeloop", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
