"""Kill -9 while spans arrive: what was acknowledged is in the table at the end, once each."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.clickhouse import open_clickhouse
from tests.e2e.callers import Caller
from tests.e2e.processes import Platform, cozeloop

KILLS = 20 if os.environ.get("COZELOOP_SOAK") else 4
SEED = int(os.environ.get("COZELOOP_SEED") or secrets.randbelow(1 << 32))
SENDERS = 2
A_REQUEST = 20
DAYS = (0, 3_600_000_000 * 23)
"""How far back spans begin: two partitions, so that a block may be torn between them."""


class Sender:
    """Sends until told to stop, each batch again until it is acknowledged, as SDKs do."""

    def __init__(self, url: str, caller: Caller) -> None:
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {caller.token}"}, timeout=10)
        self._space = caller.space
        self.acknowledged: set[str] = set()
        self.sent = 0

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            batch = [self._span() for _ in range(A_REQUEST)]
            while not over.is_set():
                try:
                    answer = self._http.post("/v1/loop/traces/ingest", json={"spans": batch})
                except httpx.HTTPError:
                    over.wait(0.05)
                    continue
                self.sent += 1
                if answer.json()["code"] == 0:
                    assert answer.json()["msg"] == ""
                    self.acknowledged |= {s["span_id"] for s in batch}
                    break

    def _span(self) -> dict[str, Any]:
        ids = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8), "parent_id": "0"}
        at = int(time.time() * 1_000_000) - random.choice(DAYS)
        return {**ids, "workspace_id": self._space, "started_at_micros": at, "input": "x" * 500}


@pytest.mark.kill
@pytest.mark.timeout(600)
async def test_every_acknowledged_span_is_there_once_after_kills_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"COZELOOP_SEED={SEED}")
    over = threading.Event()
    with Platform(tmp_path / "data") as platform, ThreadPoolExecutor(SENDERS) as pool:
        caller = Caller(platform.start().ready().url, "sender")
        senders = [Sender(platform.url, caller) for _ in range(SENDERS)]
        running = [pool.submit(s.run, over) for s in senders]
        try:
            for _ in range(KILLS):
                before = sum(s.sent for s in senders)
                wanted = before + chance.randrange(1, 60)
                while sum(s.sent for s in senders) < wanted:
                    over.wait(0.01)
                platform.kill()
                platform.start().ready()
        finally:
            over.set()
        for each in running:
            each.result()
        acknowledged = set().union(*(s.acknowledged for s in senders))
        last = Caller(platform.url, "last")
        position = send_one(last)
        shown(last, position)
        platform.stop()
        assert await in_the_table(platform.data_dir, caller.space) >= acknowledged
        before_replay = await in_the_table(platform.data_dir, caller.space)
        replayed = cozeloop("replay", "spans", "--data-dir", platform.data_dir)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        assert await in_the_table(platform.data_dir, caller.space) == before_replay


def send_one(caller: Caller) -> str:
    """A span behind all others; its position."""
    span = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8), "workspace_id": caller.space}
    body = {"spans": [{**span, "started_at_micros": int(time.time() * 1_000_000)}]}
    headers = {"authorization": f"Bearer {caller.token}"}
    answer = caller.http.post("/v1/loop/traces/ingest", json=body, headers=headers)
    assert answer.json() == {"code": 0, "msg": ""}
    return answer.headers["x-log-position"]


def shown(caller: Caller, position: str) -> None:
    """Returns when the table has come to the position."""
    now = int(time.time() * 1000)
    body = {"workspace_id": caller.space, "start_time": str(now - 3_600_000), "end_time": str(now + 3_600_000)}
    deadline = time.monotonic() + 60
    while True:
        path = "/api/observability/v1/spans/list"
        answer = caller.http.post(path, json=body, params={"min_position": position}).json()
        if answer["code"] == 0 and answer["spans"]:
            return
        assert time.monotonic() < deadline, answer


async def in_the_table(data_dir: Path, space: str) -> set[str]:
    """The span ids of a space; fails when one is there twice."""
    db = open_clickhouse("", data_dir / "clickhouse", 500_000_000)
    try:
        rows = await db.query(f"SELECT span_id, count() AS n FROM spans_v1 WHERE space_id = {space} GROUP BY span_id")
    finally:
        await db.close()
    assert [r for r in rows if r["n"] != 1] == []
    return {r["span_id"] for r in rows}
