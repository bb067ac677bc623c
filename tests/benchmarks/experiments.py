"""The experiment engine through HTTP: 1,000 items with their outputs in the set, one code evaluator.

Time runs from the submission's answer back to its start until the experiment shows a final status, which it does
only when results and aggregates are complete. The sandbox alone, on the same rows, is the reference: no log, no
queue, no read models.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

from infra.sandbox.runner import SandboxCodeRunner
from tests.benchmarks.figures import Figure, Goal
from tests.benchmarks.rigs import Served, served

GOALS = {3: Goal(200), 16: Goal(400)}
CHUNK = 20
POLL_SECONDS = 0.1
SUCCEEDED = 11
SCRIPT = """\
def exec_evaluation(turn):
    fields = turn["evaluate_dataset_fields"]
    said, wanted = fields["output"]["text"], fields["reference_output"]["text"]
    last = said.strip().rsplit(" ", 1)[-1]
    return EvalOutput(score=1.0 if last == wanted else 0.0, reason=f"said {last}, wanted {wanted}")
"""


async def measure(rounds: int, quick: bool) -> list[Figure]:
    items = 200 if quick else 1000
    rates: dict[int, list[float]] = defaultdict(list)
    cpu: dict[int, list[float]] = defaultdict(list)
    alone: list[float] = []
    rows = [row(number) for number in range(items)]
    with served() as site:
        prepared = set_up(site, rows)
        run(site, prepared, "warm", 3, items)
        for number in range(rounds):
            for concurrency in GOALS:
                before = site.cpu()["platform"]
                rates[concurrency].append(run(site, prepared, f"round-{number}-at-{concurrency}", concurrency, items))
                cpu[concurrency].append((site.cpu()["platform"] - before) / items * 1e6)
            alone.append(await sandbox_alone(rows))
    found = []
    for concurrency, goal in GOALS.items():
        note = f"{items} items, from submission to final status; polled every {POLL_SECONDS:g} s"
        found.append(Figure(f"experiment, concurrency {concurrency}", "items/s", rates[concurrency], goal, note))
        found.append(Figure(f"experiment, concurrency {concurrency}: CPU", "µs/item", cpu[concurrency]))
    return [*found, Figure("sandbox alone, 20 rows a call", "items/s", alone, note="one worker, no platform")]


def row(number: int) -> dict[str, str]:
    return {
        "input": f"A shop sells {number} boxes of {number % 7 + 2} pencils each. How many pencils does it sell?",
        "output": f"It sells {number} times {number % 7 + 2} pencils, that is {number * (number % 7 + 2)}",
        "reference_output": str(number * (number % 7 + 2) + number % 2),
    }


def set_up(site: Served, rows: list[dict[str, str]]) -> tuple[str, str, str]:
    """Set, its version and the evaluator's version."""
    tour = site.tour
    fields = [
        {"name": name, "content_type": "Text", "default_display_format": 1, "description": "", "isRequired": True}
        for name in rows[0]
    ]
    made = {"workspace_id": tour.space, "name": "bench", "evaluation_set_schema": {"field_schemas": fields}}
    set_id = tour.call("POST", "/api/evaluation/v1/evaluation_sets", made)["evaluation_set_id"]
    tour.add_items(set_id, rows)
    version = {"workspace_id": tour.space, "version": "0.0.1"}
    created = tour.call("POST", f"/api/evaluation/v1/evaluation_sets/{set_id}/versions", version)
    return set_id, created["id"], tour.code_evaluator("bench", SCRIPT)


def run(site: Served, prepared: tuple[str, str, str], name: str, concurrency: int, items: int) -> float:
    """Items a second of one experiment."""
    begun = time.perf_counter()
    experiment = site.tour.submit(name, *prepared, None, concurrency)
    for progress in site.tour.watch(experiment, POLL_SECONDS):
        seen = progress
    seconds = time.perf_counter() - begun
    assert seen.status == SUCCEEDED and seen.done == items, seen
    return items / seconds


async def sandbox_alone(rows: list[dict[str, str]]) -> float:
    """The same script on the same rows, chunk after chunk."""
    runner = SandboxCodeRunner()
    turns = [
        {"evaluate_dataset_fields": {k: {"content_type": "Text", "text": v} for k, v in each.items()}} for each in rows
    ]
    await runner.evaluate("1", "1", SCRIPT, turns[:1])
    begun = time.perf_counter()
    for first in range(0, len(turns), CHUNK):
        results = await runner.evaluate("1", "1", SCRIPT, turns[first : first + CHUNK])
        assert not any(r.error_code for r in results), results
    rate = len(turns) / (time.perf_counter() - begun)
    await runner.close()
    await asyncio.sleep(0)
    return rate
