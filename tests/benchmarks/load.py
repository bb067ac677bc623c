"""The load generator, a process of its own: ``python -m tests.benchmarks.load`` takes a plan on stdin, as JSON.

Closed loop: each client sends its next request when it has the answer. Open loop (``rate``): requests are due at
fixed times whatever the platform does, and an answer's time counts from when its request was due.
``%N%`` in path or body becomes a number that no other request has, ``%EACH%`` one of ``each`` after the other.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from tests.benchmarks.figures import percentile
from tests.benchmarks.http import Connection, request, whole

PLACE = "%N%"
EACH = "%EACH%"
PATIENCE = 30.0
GOOD = (b'{"code":0,', b"pong")


@dataclass(frozen=True)
class Plan:
    """What to send, by how many, for how long. ``first`` is where the numbers begin."""

    port: int
    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    clients: int
    seconds: float
    rate: float = 0
    first: int = 0
    each: Sequence[str] = ()


@dataclass(frozen=True)
class Load:
    """What came of it: answers a second, milliseconds of each answer, and the generator's own share of a core."""

    per_second: float
    p50: float
    p99: float
    answers: int
    cpu_share: float


async def drive(plan: Plan) -> Load:
    """Runs the plan in a process of its own; raises when an answer was not code 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.load", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    assert process.returncode == 0, "the load generator failed"
    return Load(**json.loads(out))


async def run(plan: Plan) -> Load:
    head, body = request(plan.method, plan.path, plan.headers, plan.body)
    numbers, names = itertools.count(plan.first), itertools.cycle(plan.each or [""])

    def following() -> bytes:
        number, name = str(next(numbers)), next(names)
        return whole(head.replace(PLACE, number).replace(EACH, name), body.replace(PLACE, number))

    connections = [await Connection.open("127.0.0.1", plan.port) for _ in range(plan.clients)]
    for connection in connections:
        await checked(connection, following())
    took: list[float] = []
    cpu, begun = used(), time.perf_counter()
    if plan.rate:
        await at_rate(plan, connections, following, took)
    else:
        await asyncio.gather(*(one_by_one(c, following, begun + plan.seconds, took) for c in connections))
    seconds = time.perf_counter() - begun
    share = (used() - cpu) / seconds
    for connection in connections:
        connection.close()
    return Load(len(took) / seconds, percentile(took, 0.5) * 1e3, percentile(took, 0.99) * 1e3, len(took), share)


async def one_by_one(connection: Connection, following: Callable[[], bytes], end: float, took: list[float]) -> None:
    while (begun := time.perf_counter()) < end:
        await checked(connection, following())
        took.append(time.perf_counter() - begun)


async def at_rate(
    plan: Plan, connections: Sequence[Connection], following: Callable[[], bytes], took: list[float]
) -> None:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        idle.put_nowait(connection)
    begun = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()

    async def one(due: float) -> None:
        connection = await idle.get()
        await checked(connection, following())
        took.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    for number in range(int(plan.seconds * plan.rate)):
        due = begun + number / plan.rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


async def checked(connection: Connection, sent: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        status, answer = await connection.ask(sent)
    if status != 200 or not answer.startswith(GOOD):
        raise SystemExit(f"{sent[:200]!r} was answered {status} {answer[:300]!r}")


def used() -> float:
    """CPU seconds of this process."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run(Plan(**json.load(sys.stdin))))
    sys.stdout.write(json.dumps(asdict(result)))
