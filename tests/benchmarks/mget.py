"""What SDKs ask all the time: prompts by key, through HTTP, the limit lifted; /ping beside it."""

from __future__ import annotations

from collections import defaultdict

from cozeloop.demo.tour import detail
from tests.benchmarks.commands import figures
from tests.benchmarks.figures import Figure, Goal
from tests.benchmarks.load import Load, Plan, drive
from tests.benchmarks.rigs import served

CLIENTS = 16
PATH = "/v1/loop/prompts/mget"


async def measure(rounds: int, quick: bool) -> list[Figure]:
    seconds = 2.0 if quick else 4.0
    found: dict[str, list[Load]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    with served(COZELOOP_MGET_PER_SECOND="0") as site:
        tour = site.tour
        created = {"workspace_id": tour.space, "prompt_key": "hot", "prompt_name": "Hot"}
        prompt = tour.call("POST", "/api/prompt/v1/prompts", created)["prompt_id"]
        draft = {"draft_info": {}, "detail": detail("Answer with one word. " * 20, "1")}
        tour.call("POST", f"/api/prompt/v1/prompts/{prompt}/drafts/save", {"prompt_draft": draft})
        tour.call("POST", f"/api/prompt/v1/prompts/{prompt}/drafts/commit", {"commit_version": "0.0.1"})
        body = {"workspace_id": tour.space, "queries": [{"prompt_key": "hot", "version": "0.0.1"}]}
        port = site.process.port
        plans = {
            "mget": Plan(port, "POST", PATH, body, site.token, CLIENTS, seconds),
            "mget, 1 client": Plan(port, "POST", PATH, body, site.token, 1, seconds / 2),
            "/ping beside mget": Plan(port, "GET", "/ping", None, site.token, CLIENTS, seconds / 2),
        }
        for _ in range(rounds):
            for name, plan in plans.items():
                before = site.cpu()["platform"]
                load = await drive(plan)
                cpu[name].append((site.cpu()["platform"] - before) / load.answers * 1e6)
                found[name].append(load)
    shown = [figure for name in plans for figure in figures(name, found[name], cpu[name], "")]
    note = f"one prompt of a kilobyte, {CLIENTS} clients; the goal is the architecture's"
    return [Figure("mget", "requests/s", shown[0].rounds, Goal(1500), note), *shown[1:]]
