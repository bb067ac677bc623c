"""A file of 100,000 rows into an evaluation set through HTTP, and the versions that name it afterwards."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure, Goal
from tests.benchmarks.rigs import Served, served

SETS = "/api/evaluation/v1/evaluation_sets"
ROWS, QUICK_ROWS = 100_000, 20_000
VERSIONS = 5
POLL_SECONDS = 0.1
PING_SECONDS = 0.005


async def measure(rounds: int, quick: bool) -> list[Figure]:
    rows = QUICK_ROWS if quick else ROWS
    content = "".join(json.dumps({"question": f"q {n} {'x' * 200}", "answer": f"a {n}"}) + "\n" for n in range(rows))
    seconds: list[float] = []
    cpu: list[float] = []
    peaks: list[float] = []
    commits: list[float] = []
    beside_import: list[float] = []
    beside_commits: list[float] = []
    for _ in range(min(rounds, 3)):
        with served(COZELOOP_DATASET_MAX_ITEMS=str(rows)) as here:
            set_id, before = created(here), here.cpu()["platform"]
            with pinged(here, beside_import):
                seconds.append(imported(here, set_id, content.encode(), rows))
            cpu.append(here.cpu()["platform"] - before)
            peaks.append(peak(here.process.pid))
            with pinged(here, beside_commits):
                commits += committed(here, set_id)
    how = f"{rows} JSON lines, {len(content) >> 20} MiB; from the request to Completed, polled every {POLL_SECONDS} s"
    whole = not quick
    return [
        Figure(f"import of {rows} rows", "s", seconds, Goal(20, most=True) if whole else None, how),
        Figure(f"import of {rows} rows: CPU", "s", cpu, None, "of the platform's process"),
        Figure("import: peak memory", "MiB", peaks, Goal(500, most=True), "resident, the whole process"),
        Figure(f"version of {rows} rows", "ms", commits, Goal(300, most=True) if whole else None, "through HTTP"),
        Figure("/ping during the import: 99 of 100", "ms", [hundredth(beside_import)], None, "one client beside it"),
        Figure("/ping during the versions: 99 of 100", "ms", [hundredth(beside_commits)], None, "the same"),
    ]


def created(here: Served) -> str:
    fields = [{"name": name, "content_type": "Text"} for name in ("question", "answer")]
    body = {"workspace_id": here.tour.space, "name": "large", "evaluation_set_schema": {"field_schemas": fields}}
    return str(here.tour.call("POST", SETS, body)["evaluation_set_id"])


def imported(here: Served, set_id: str, content: bytes, rows: int) -> float:
    """Seconds from the request for an import until it is complete; the upload comes before."""
    tour = here.tour
    signing = {"workspace_id": tour.space, "keys": ["large.jsonl"]}
    [uri] = tour.call("POST", "/api/foundation/v1/sign_upload_files", signing)["uris"]
    tour.http.put(uri, content=content).raise_for_status()
    body = {
        "workspace_id": tour.space,
        "file": {"provider": 5, "path": "large.jsonl"},
        "field_mappings": [{"source": name, "target": name} for name in ("question", "answer")],
    }
    begun = time.perf_counter()
    job_id = tour.call("POST", f"/api/data/v1/datasets/{set_id}/import", body)["job_id"]
    while (job := tour.call("GET", f"/api/data/v1/dataset_io_jobs/{job_id}", workspace_id=tour.space)["job"])[
        "status"
    ] < 3:
        time.sleep(POLL_SECONDS)
    taken = time.perf_counter() - begun
    assert (job["status"], job["progress"]["added"]) == (3, str(rows)), job
    return taken


def committed(here: Served, set_id: str) -> list[float]:
    """Milliseconds of each of some versions."""
    found = []
    for number in range(VERSIONS):
        body = {"workspace_id": here.tour.space, "version": f"1.0.{number}"}
        begun = time.perf_counter()
        here.tour.call("POST", f"{SETS}/{set_id}/versions", body)
        found.append((time.perf_counter() - begun) * 1000)
    return found


@contextmanager
def pinged(here: Served, found: list[float]) -> Iterator[None]:
    """Milliseconds of small requests that are made meanwhile: how long the platform keeps others waiting."""
    ended = threading.Event()

    def ping() -> None:
        with httpx.Client(base_url=here.process.url) as http:
            while not ended.wait(PING_SECONDS):
                begun = time.perf_counter()
                http.get("/ping").raise_for_status()
                found.append((time.perf_counter() - begun) * 1000)

    beside = threading.Thread(target=ping)
    beside.start()
    try:
        yield
    finally:
        ended.set()
        beside.join()


def hundredth(milliseconds: list[float]) -> float:
    """What 99 of 100 stay below."""
    return statistics.quantiles(milliseconds, n=100)[-1]


def peak(pid: int) -> float:
    """MiB that a process ever had in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
