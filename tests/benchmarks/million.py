"""A log of a million events: what a start, a load, a backup and a restore take, and how much memory. By name alone.

The events are outcomes of one experiment's items, in batches; the platform that starts on them folds them all. It takes
minutes and says how far it is.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from events.event import Stream
from infra.eventstore.log import Append, Tail
from tests.benchmarks.appends import meta, scored, stream
from tests.benchmarks.figures import Figure
from tests.benchmarks.footprint import mebibytes
from tests.benchmarks.rigs import SPACE, embedded_at
from tests.e2e.processes import Platform, command_of

EVENTS, FEW = 1_000_000, 50_000
BATCH = 500
LOADED = 20
LOOK_SECONDS = 0.1
IDLE_SECONDS = 10.0
MAY_FIND_FAULTS = ("doctor",)
"""A busy machine may still be opening the trace table when it looks."""
SERVER, OURS = "nats-server", "platform"


@dataclass
class Taken:
    """Seconds of a step, and the peak memory of its processes in MiB."""

    seconds: float
    memory: dict[str, float] = field(default_factory=dict)


async def measure(rounds: int, quick: bool) -> list[Figure]:
    """One round: it is minutes, and the numbers are large."""
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        return await steps(Path(folder), FEW if quick else EVENTS)


async def steps(folder: Path, count: int) -> list[Figure]:
    """Each step on what the one before left in the folder."""
    data, backup, restored = folder / "data", folder / "backup", folder / "restored"
    filling = told("appended", await fill(data, count))
    size = sum(p.stat().st_size for p in (data / "nats").rglob("*") if p.is_file()) / count
    witnessed = told("read through for an anchor", await witness(data))
    backed_up = told("backed up", command("backup", str(backup), "--data-dir", str(data)))
    restoring = ("restore", str(backup), "--data-dir", str(restored), "--keys", str(data))
    put_back = told("restored", command(*restoring))
    first = told("started, read models empty", start(restored))
    again = told("started again", start(restored, idle=True))
    cold = await cold_load(restored)
    asked = {" ".join(q): told(" ".join(q), command(*q, "--data-dir", str(restored))) for q in questions(count)}
    what = f"{count:,} events"
    return [
        Figure(f"{what}: appended in batches of {BATCH}", "events/s", [count / filling.seconds]),
        Figure(f"{what}: on disk", "bytes/event", [size], note="the log alone"),
        Figure(f"{what}: read through for an anchor", "events/s", [count / witnessed.seconds], note="one was lost"),
        Figure(f"{what}: backup", "s", [backed_up.seconds]),
        *peaks(f"{what}: while backing up", backed_up),
        Figure(f"{what}: restore, verified", "s", [put_back.seconds]),
        *peaks(f"{what}: while restoring", put_back),
        Figure(f"{what}: start to ready after the restore", "s", [first.seconds], note="all read models folded anew"),
        *peaks(f"{what}: while folding", first),
        Figure(f"{what}: start to ready then", "s", [again.seconds]),
        *peaks(f"{what}: idle after that", again, "resident"),
        Figure(f"{what}: cold load of {LOADED} events of one stream", "ms", [cold * 1e3], note="spread over the log"),
        *(Figure(f"{what}: cozeloop {line}", "s", [took.seconds]) for line, took in asked.items()),
    ]


def questions(count: int) -> list[tuple[str, ...]]:
    """What an operator asks of a platform that does not run."""
    return [
        ("events", "show", str(count // 2)),
        ("events", "list", "--type", "SpaceCreated", "--since", str(count - 1000)),
        ("doctor",),
    ]


def peaks(what: str, taken: Taken, how: str = "peak") -> list[Figure]:
    """A figure for each process."""
    return [Figure(f"{what}: memory, {who}", "MiB", [most], note=how) for who, most in sorted(taken.memory.items())]


def told(what: str, taken: Taken) -> Taken:
    """Says how far the group is."""
    memory = ", ".join(f"{who} {most:.0f} MiB" for who, most in sorted(taken.memory.items()))
    print(f"  {what}: {taken.seconds:.1f} s{'; ' if memory else ''}{memory}", flush=True)
    return taken


async def fill(data: Path, count: int) -> Taken:
    """The appends. The looked-for stream's events lie spread over the log."""
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
        return Taken(time.perf_counter() - begun)


async def witness(data: Path) -> Taken:
    """The first opening: the appends had no feed that moved the anchor, so the log is read through for it."""
    begun = time.perf_counter()
    async with embedded_at(data, serving=False):
        return Taken(time.perf_counter() - begun)


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


def start(data: Path, idle: bool = False) -> Taken:
    """From the command to a platform that is ready; its memory a while after that when it is to be ``idle``."""
    begun = time.perf_counter()
    with Platform(data) as platform:
        platform.start()
        while platform.health()[0] != 200:
            platform.check_alive()
            time.sleep(LOOK_SECONDS)
        took = time.perf_counter() - begun
        if idle:
            time.sleep(IDLE_SECONDS)
            memory = {OURS: mebibytes(platform.pid), SERVER: mebibytes(platform.log_server)}
        else:
            memory = highest({}, [platform.pid, platform.log_server])
        platform.stop()
    return Taken(took, memory)


def command(*arguments: str) -> Taken:
    """A command that goes well, and what it took with its log server."""
    begun = time.perf_counter()
    memory: dict[str, float] = {}
    with subprocess.Popen([sys.executable, "-m", "cozeloop", *arguments], stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            highest(memory, family(running.pid))
            time.sleep(LOOK_SECONDS)
        took = time.perf_counter() - begun
    if running.returncode and arguments[0] not in MAY_FIND_FAULTS:
        raise RuntimeError(f"cozeloop {' '.join(arguments)} ended with {running.returncode}")
    return Taken(took, memory)


def family(pid: int) -> list[int]:
    """A process and its children."""
    try:
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []


def highest(memory: dict[str, float], pids: Iterable[int]) -> dict[str, float]:
    """Puts the peak of each process into the table."""
    for pid in pids:
        who = SERVER if SERVER in command_of(pid) else OURS
        try:
            memory[who] = max(memory.get(who, 0.0), mebibytes(pid, "VmHWM"))
        except OSError:
            continue  # it has ended
    return memory
