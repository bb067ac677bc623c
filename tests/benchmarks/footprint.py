"""What it takes to have it: time to /ping and to ready, memory when idle, and the size of what is installed.

Cold start is a new process on an empty data directory, and again on the one that it left. Memory is proportional
set size of the platform and nats-server ten seconds after ready. Size is that of the distributions that
requirements.lock names, as they are installed here.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import tempfile
import time
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure, Goal
from tests.e2e.processes import Platform

ROOT = Path(__file__).parents[2]
IDLE_SECONDS = 10.0
PING = Goal(5, most=True)
MEMORY = Goal(500, most=True)
SIZE = Goal(1.1, most=True)
LARGEST = 6


async def measure(rounds: int, quick: bool) -> list[Figure]:
    ping, ready, again, memory, server = [], [], [], [], []
    for number in range(rounds):
        with (
            tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder,
            Platform(Path(folder) / "data") as process,
        ):
            took = start(process)
            ping.append(took[0])
            ready.append(took[1])
            process.stop()
            again.append(start(process)[1])
            if number == 0 or not quick:
                await asyncio.sleep(2 if quick else IDLE_SECONDS)
                memory.append(mebibytes(process.pid))
                server.append(mebibytes(process.log_server))
            process.stop()
    sizes = installed()
    total = sum(sizes.values())
    parts = sorted(sizes.items(), key=lambda part: -part[1])[:LARGEST]
    largest = ", ".join(f"{name} {size / 2**20:.0f} MB" for name, size in parts)
    return [
        Figure("start to /ping", "s", ping, PING, "empty data directory"),
        Figure("start to ready", "s", ready),
        Figure("start to ready, second time", "s", again),
        Figure("idle memory, platform", "MiB", memory, MEMORY, "resident, one process, chDB open"),
        Figure("idle memory, nats-server", "MiB", server, note="resident"),
        Figure("installed size of the lock", "GB", [total / 1e9], SIZE, f"{len(sizes)} distributions; {largest}"),
    ]


def start(process: Platform) -> tuple[float, float]:
    """Seconds to the first answer of /ping, and to health's 200."""
    begun = time.perf_counter()
    process.start()
    with httpx.Client(base_url=process.url, timeout=20) as client:
        ping = answered(client, "/ping", begun)
        return ping, answered(client, "/v1/platform/health", begun)


def answered(client: httpx.Client, path: str, begun: float) -> float:
    while time.perf_counter() - begun < 60:
        try:
            if client.get(path).status_code == 200:
                return time.perf_counter() - begun
        except httpx.TransportError:
            pass
        time.sleep(0.005)
    raise AssertionError(f"{path} did not answer")


def mebibytes(pid: int, what: str = "VmRSS") -> float:
    """Resident set of a process, or its peak (``VmHWM``); raises OSError for one that has ended."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise ProcessLookupError(f"process {pid} has ended")
    return int(found[1]) / 1024


def installed() -> dict[str, int]:
    """Bytes on disk of each distribution of the lock that is installed here."""
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    sizes = {}
    for name in locked:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found = [Path(str(file.locate())) for file in files]
        sizes[name] = sum(path.stat().st_blocks * 512 for path in found if path.is_file())
    return sizes
