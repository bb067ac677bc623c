"""Replay of the GSM8K log, every read model at once, against reading the same log without decoding it.

Into SQLite, and into the database servers that there are.

The log is made by the run itself: 1,319 questions, two models, one evaluator, through HTTP. Where the shared data
folder is missing, texts of the same length stand for it. Replay checks hashes, opens sealed fields, validates
events, folds them into all read models and writes. Raw is nats-py's own client reading the same pages by direct get,
message by message; our reader without decoding stands beside it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import nats
import orjson
import pytest
from nats.aio.client import Client

from cozeloop.bootstrap import Embedded
from cozeloop.cli.looping import settle
from cozeloop.settings import Settings
from infra.messaging.lock import DataDirLock
from tests.benchmarks.figures import Figure, Goal
from tests.databases import fresh_database
from tests.e2e.gsm8k import RIGHT, SHARED, Gsm8k, Run
from tests.e2e.models import Endpoint, catalogue_of
from tests.e2e.processes import Platform

GOAL = Goal(0.5)
OVER = {11, 12, 13, 14}
SERVERS = {"mysql": "MariaDB", "postgresql": "PostgreSQL"}


async def measure(rounds: int, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="cozeloop-bench-") as folder:
        data, seconds, items, source = run_gsm8k(Path(folder), quick)
        with DataDirLock(data) as lock:
            platform = Embedded(Settings(data_dir=data), lock, serving=False)
            try:
                await platform.start()
                settle()
                end = await platform.platform.log.end()
                nc = await plain(platform)
                replayed, read, ours, cpu = [], [], [], []
                await replay(platform)
                for _ in range(rounds):
                    took, used = await replay(platform)
                    replayed.append(end / took)
                    cpu.append(used / end * 1e6)
                    read.append(end / await read_raw(nc, end))
                    ours.append(end / await read_only(platform))
                await nc.close()
            finally:
                await platform.stop()
            servers = [f for kind in SERVERS for f in await into_a_server(kind, data, lock, rounds)]
    models = len(platform.platform.read_models)
    ratios = [a / b for a, b in zip(replayed, read, strict=True)]
    return [
        Figure("GSM8K log: replay into SQLite", "events/s", replayed, note=f"{end} events, {models} read models"),
        *servers,
        Figure("GSM8K log: raw read", "events/s", read, note="nats-py, direct-get pages, message by message"),
        Figure("GSM8K log: our reader alone", "events/s", ours, note="the same pages, nothing checked or opened"),
        Figure("GSM8K log: replay of raw read", "", ratios, GOAL),
        Figure("GSM8K log: replay, CPU", "µs/event", cpu),
        Figure("GSM8K run through litellm", "items/s", [items / seconds], note=f"{items} model calls, {source}"),
    ]


async def into_a_server(kind: str, data: Path, lock: DataDirLock, rounds: int) -> list[Figure]:
    """The same log into a database server; nothing where there is none."""
    try:
        async with fresh_database(kind, data) as url:
            platform = Embedded(Settings(data_dir=data, database_url=url), lock)
            try:
                await platform.start()  # which folds the whole log: a replay goes no further than the live tables
                settle()
                end = await platform.platform.log.end()
                assert all(platform.platform.positions.of(m.name) == end for m in platform.platform.read_models)
                took = [end / (await replay(platform))[0] for _ in range(rounds)]
            finally:
                await platform.stop()
    except pytest.skip.Exception:
        return []
    return [Figure(f"GSM8K log: replay into {SERVERS[kind]}", "events/s", took, note=f"{end} events")]


def run_gsm8k(folder: Path, quick: bool) -> tuple[Path, float, int, str]:
    """The data directory with the whole log, seconds from submission to end, items in both experiments."""
    data, source = (
        (Gsm8k.read(), "published answers") if (SHARED / "data" / "gsm8k").is_dir() else (made_up(), "made up")
    )
    if quick:
        data = Gsm8k(data.rows[:300], data.solutions)
    with Endpoint(data.models) as models:
        config = folder / "model_config.yaml"
        config.write_text(catalogue_of(models, list(RIGHT)))
        with Platform(folder / "data", COZELOOP_MODEL_CONFIG=str(config)) as running:
            running.start().ready()
            run = Run(running.url, data, lambda _: None)
            run.begin()
            begun = time.perf_counter()
            while not all(shown["status"] in OVER for shown in run.shown()):
                time.sleep(0.5)
            seconds = time.perf_counter() - begun
            run.http.close()
            running.stop()
    return folder / "data", seconds, len(data.rows) * len(RIGHT), source


def made_up() -> Gsm8k:
    """As many questions and answers as there are, about as long."""
    rows = [{"input": f"{n}: " + "How many are left? " * 12, "reference_output": f"#### {n}"} for n in range(1319)]
    answers = {row["input"]: ("They count. " * 20 + f"A: {n}", True) for n, row in enumerate(rows)}
    return Gsm8k(rows, dict.fromkeys(RIGHT, answers))


async def replay(embedded: Embedded) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process."""
    cpu, begun = time.process_time(), time.perf_counter()
    names = [model.name for model in embedded.platform.read_models]
    async for line in embedded.platform.operations.replay(names):
        last = line
    assert last["state"] == "switched", last
    return time.perf_counter() - begun, time.process_time() - cpu


async def plain(embedded: Embedded) -> Client:
    """nats-py's own client on the platform's server, with the application's user."""
    ours = await embedded.platform.log._connect()
    nc = await nats.connect(ours.connected_url.geturl(), user=ours.options["user"], password=ours.options["password"])
    await ours.close()
    return nc


async def read_raw(nc: Client, end: int) -> float:
    """Seconds for every message up to the end."""
    begun = time.perf_counter()
    inbox = nc.new_inbox()
    arrived = await nc.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
    position = 0
    while position < end:
        body = orjson.dumps({"seq": position + 1, "batch": 1000, "next_by_subj": "events.>"})
        await nc.publish("$JS.API.DIRECT.GET.EVENTS", body, reply=inbox)
        while "Status" not in (message := await arrived.next_msg(10)).headers:
            position = int(message.headers["Nats-Sequence"])
    await arrived.unsubscribe()
    return time.perf_counter() - begun


async def read_only(embedded: Embedded) -> float:
    """Seconds for our reader."""
    begun = time.perf_counter()
    async for _ in embedded.platform.log.reader.pages("events.>"):
        pass
    return time.perf_counter() - begun
