"""Spans from four senders until the table shows the last one, and the same rows straight into the engine.

The senders are a process of their own: ``python -m tests.benchmarks.traces`` takes a plan on stdin, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from commands.traces.normalise import normalise
from infra.clickhouse import open_clickhouse
from projections.traces.table import TABLE, create_spans
from tests.benchmarks.figures import Figure, Goal
from tests.benchmarks.footprint import mebibytes
from tests.benchmarks.http import Connection, request, whole
from tests.benchmarks.rigs import Served, served

SENDERS, A_REQUEST, BLOCK = 4, 100, 10_000
LETTERS = 4_000_000
"""Of random text that inputs and outputs are cut from: no block of the table holds a sentence twice."""
GOAL = Goal(8000)
MEMORY = 1_000_000_000
LIST = "/api/observability/v1/spans/list"
INGEST = "/v1/loop/traces/ingest"
WORDS = [f"{one}{two}" for one in ("ra", "lo", "mi", "ten", "sol", "var", "kel") for two in ("ab", "or", "ist", "un")]


@dataclass(frozen=True)
class Plan:
    """How many requests of how many senders, where and as whom."""

    port: int
    space: str
    headers: dict[str, str]
    requests: int


async def measure(rounds: int, quick: bool) -> list[Figure]:
    requests = 100 if quick else 600
    visible, accepted, raw, memory, on_disk, cpu = [], [], [], [], [], []
    for _ in range(rounds):
        with served() as site:
            before = site.cpu()
            begun, ended = await send(Plan(site.process.port, site.tour.space, site.token, requests))
            shown(site, f"spans:{requests}")
            spans = requests * A_REQUEST
            visible.append(spans / (time.monotonic() - begun))
            accepted.append(spans / (ended - begun))
            cpu.append((site.cpu()["platform"] - before["platform"]) / spans * 1e6)
            memory.append(mebibytes(site.process.pid))
            bytes_, rows = await size(site.process.data_dir, site)
            assert rows >= spans
            on_disk.append(bytes_ / rows)
        raw.append(await straight(min(requests, 200)))
    ratio = [v / r for v, r in zip(visible, raw, strict=True)]
    how = f"{A_REQUEST} spans of 3 KB a request, {SENDERS} senders, synced always"
    return [
        Figure("spans accepted and visible", "spans/s", visible, GOAL, how),
        Figure("spans accepted", "spans/s", accepted),
        Figure("the same rows straight into chDB", "spans/s", raw, note=f"blocks of {BLOCK}, synced"),
        Figure("visible / straight", "", ratio),
        Figure("CPU of the platform", "µs/span", cpu, note="the engine's threads and merges in it"),
        Figure("span on disk", "B", on_disk),
        Figure("memory after it", "MiB", memory, note="resident"),
    ]


async def send(plan: Plan) -> tuple[float, float]:
    """When the first request was sent and the last one answered, on the clock that processes share."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.traces", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    assert process.returncode == 0, "the senders failed"
    found = json.loads(out)
    return found["begun"], found["ended"]


def shown(site: Served, position: str) -> None:
    """Returns when the table shows the position."""
    now = int(time.time() * 1000)
    times = {"start_time": str(now - 3_600_000), "end_time": str(now + 3_600_000)}
    body = {"workspace_id": site.tour.space, "page_size": 1, **times}
    while True:
        answer = site.tour.http.post(LIST, json=body, params={"min_position": position})
        assert answer.json()["code"] == 0, answer.text
        if "x-read-lag" not in answer.headers:
            return


async def size(data: Path, site: Served) -> tuple[int, int]:
    """Bytes and rows of the table's parts, read after the platform has let go of them."""
    site.process.stop()
    db = open_clickhouse("", data / "clickhouse", MEMORY)
    try:
        [row] = await db.query(
            "SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts "
            f"WHERE table = '{TABLE}' AND active"
        )
    finally:
        await db.close()
        site.process.start().ready()
    return int(row["bytes"]), int(row["rows"])


async def straight(requests: int) -> float:
    """Rows a second that the engine takes from lines that are made already."""
    now = int(time.time() * 1_000_000)
    lines: list[bytes] = []
    for body in bodies("70", now, requests):
        lines += [b'{"seq":1,' + line[1:] for line in normalise(json.loads(body)["spans"], "70", now).lines]
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        db = open_clickhouse("", Path(folder), MEMORY)
        await db.execute(create_spans(TABLE))
        begun = time.perf_counter()
        for first in range(0, len(lines), BLOCK):
            await db.insert(TABLE, b"\n".join(lines[first : first + BLOCK]))
        seconds = time.perf_counter() - begun
        await db.close()
    return len(lines) / seconds


def bodies(space: str, now: int, count: int) -> Iterator[str]:
    """Requests, no two alike."""
    chance = random.Random(7)
    words = " ".join(chance.choices(WORDS, k=LETTERS // 5))

    def text(letters: int) -> str:
        begin = chance.randrange(len(words) - letters)
        return words[begin : begin + letters]

    for number in range(count):
        yield json.dumps({"spans": [span(space, now, number, i, chance, text) for i in range(A_REQUEST)]})


def span(
    space: str, now: int, number: int, index: int, chance: random.Random, text: Callable[[int], str]
) -> dict[str, Any]:
    """Three kilobytes, nineteen tags, eight spans to a trace."""
    return {
        "trace_id": f"{number + 1:08x}{index // 8:024x}",
        "span_id": f"{number + 1:08x}{index:08x}",
        "parent_id": "0" if index % 8 == 0 else f"{number + 1:08x}{index // 8 * 8:08x}",
        "started_at_micros": now - chance.randrange(60_000_000),
        "duration_micros": chance.randrange(1, 5_000_000),
        "workspace_id": space,
        "span_name": chance.choice(["chat", "search", "plan", "answer"]),
        "span_type": chance.choice(["model", "tool", "graph"]),
        "status_code": 0,
        "input": text(1200),
        "output": text(900),
        "tags_string": {**{f"tag_{n}": text(18) for n in range(10)}, "model_name": "gpt", "user_id": f"u{index}"},
        "tags_long": {"input_tokens": 300, "output_tokens": 200, "tokens": 500, "latency_first_resp": 12_000},
        "tags_double": {"temperature": 0.5},
        "tags_bool": {"stream": True},
        "system_tags_string": {"runtime": '{"language":"python","loop_sdk_version":"v0.1.27"}'},
    }


async def run(plan: Plan) -> dict[str, float]:
    head, _ = request("POST", INGEST, plan.headers, {})
    now = int(time.time() * 1_000_000)
    left = iter([whole(head, body) for body in bodies(plan.space, now, plan.requests)])

    async def sender(connection: Connection) -> None:
        for each in left:
            status, answer = await connection.ask(each)
            if status != 200 or not answer.startswith(b'{"code":0,"msg":""'):
                raise SystemExit(f"answered {status} {answer[:300]!r}")

    connections = [await Connection.open("127.0.0.1", plan.port) for _ in range(SENDERS)]
    begun = time.monotonic()
    await asyncio.gather(*(sender(c) for c in connections))
    ended = time.monotonic()
    for connection in connections:
        connection.close()
    return {"begun": begun, "ended": ended}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run(Plan(**json.load(sys.stdin))))
    sys.stdout.write(json.dumps(result))
