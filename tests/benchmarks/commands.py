"""Commands through HTTP: a real ``cozeloop up``, the load generator in a process of its own, and /ping beside them.

Each answer waits for the read models that show the command. /ping is what the HTTP server does without us.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.benchmarks.figures import Figure
from tests.benchmarks.load import EACH, PLACE, Load, Plan, drive
from tests.benchmarks.rigs import Served, served

CLIENTS = 16
STREAMS = 64
FIRST = itertools.count(1, 1_000_000)


async def measure(rounds: int, quick: bool) -> list[Figure]:
    seconds = 2.0 if quick else 4.0
    found: dict[str, list[Load]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    with served() as site:
        prompts = [create(site, f"each.{number}") for number in range(STREAMS)]
        update = f"/api/prompt/v1/prompts/{EACH}"
        plans = {
            "one hot stream": plan(site, "PUT", update, renaming(site), CLIENTS, seconds, each=prompts[:1]),
            "64 streams": plan(site, "PUT", update, renaming(site), CLIENTS, seconds, each=prompts),
            "new streams": plan(site, "POST", "/api/prompt/v1/prompts", creation(site), CLIENTS, seconds),
            "new streams, 1 client": plan(site, "POST", "/api/prompt/v1/prompts", creation(site), 1, seconds),
            "/ping": plan(site, "GET", "/ping", None, CLIENTS, seconds / 2),
        }
        for _ in range(rounds):
            for name, make in plans.items():
                before = site.cpu()["platform"]
                load = await drive(make(next(FIRST)))
                cpu[name].append((site.cpu()["platform"] - before) / load.answers * 1e6)
                found[name].append(load)
    notes = {
        "one hot stream": f"update of one prompt, {CLIENTS} clients, answers wait for the read model",
        "64 streams": f"update of {STREAMS} prompts in turn, {CLIENTS} clients",
        "new streams": f"creation of prompts (2 streams, atomic batch), {CLIENTS} clients",
        "/ping": f"{CLIENTS} clients: HTTP without us",
    }
    return [figure for name in plans for figure in figures(name, found[name], cpu[name], notes.get(name, ""))]


def figures(name: str, loads: list[Load], cpu: list[float], note: str) -> list[Figure]:
    share = max(load.cpu_share for load in loads)
    return [
        Figure(f"{name}", "/s", [load.per_second for load in loads], note=note),
        Figure(f"{name}: p50", "ms", [load.p50 for load in loads]),
        Figure(f"{name}: p99", "ms", [load.p99 for load in loads]),
        Figure(f"{name}: CPU", "µs", cpu, note=f"of the platform's process; load generator ≤ {share:.0%} of a core"),
    ]


def plan(
    site: Served,
    method: str,
    path: str,
    body: object,
    clients: int,
    seconds: float,
    rate: float = 0,
    each: Sequence[str] = (),
) -> Callable[[int], Plan]:
    """A plan but for where its numbers begin."""

    def made(first: int) -> Plan:
        return Plan(site.process.port, method, path, body, site.cookies, clients, seconds, rate, first, each)

    return made


def create(site: Served, key: str) -> str:
    body = {"workspace_id": site.tour.space, "prompt_key": key, "prompt_name": key}
    return str(site.tour.call("POST", "/api/prompt/v1/prompts", body)["prompt_id"])


def creation(site: Served) -> dict[str, str]:
    return {
        "workspace_id": site.tour.space,
        "prompt_key": f"bench.{PLACE}",
        "prompt_name": f"Bench {PLACE}",
        "prompt_description": "One of many that a load generator asks for.",
    }


def renaming(site: Served) -> dict[str, str]:
    return {"prompt_name": f"Bench {PLACE}", "prompt_description": "Renamed again and again by a load generator."}
