"""A backup of a platform that is written to: whole, with everything that was acknowledged before it began."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cozeloop.projecting.tables import standings
from infra.clickhouse import open_clickhouse
from infra.sql import open_database
from projections import READ_MODELS
from tests.e2e.callers import PROMPTS, detail
from tests.e2e.laboratory import NUMBER, SETS, Laboratory
from tests.e2e.processes import Platform, until
from tests.integration.proof.test_backup import done, keys_of
from tests.read_models import rows, same

ROWS_AT_ONCE = 10
ITEMS = 60


@dataclass
class Work:
    """Writes until told to stop, and notes what was acknowledged."""

    laboratory: Laboratory
    over: threading.Event = field(default_factory=threading.Event)
    committed: dict[str, str] = field(default_factory=dict)
    drafted: dict[str, int] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    spans: set[str] = field(default_factory=set)

    def so_far(self) -> Work:
        """What was acknowledged until now."""
        known = (dict(self.committed), dict(self.drafted), set(self.rows), set(self.spans))
        return Work(self.laboratory, self.over, *known)

    def prompts(self) -> None:
        """Prompts, each in one batch with the claim of its key; drafts and commits of each."""
        for n in itertools.count():
            if self.over.is_set():
                return
            key = f"loaded-{n}"
            body = {"workspace_id": self.laboratory.space, "prompt_key": key, "prompt_name": key}
            prompt_id = self.laboratory.call("POST", PROMPTS, body)["prompt_id"]
            for version in range(3):
                draft = {"draft_info": {}, "detail": detail(f"draft {version} of {key}")}
                self.laboratory.call("POST", f"{PROMPTS}/{prompt_id}/drafts/save", {"prompt_draft": draft})
                self.drafted[prompt_id] = version
            self.laboratory.call("POST", f"{PROMPTS}/{prompt_id}/drafts/commit", {"commit_version": "1.0.0"})
            self.committed[prompt_id] = key

    def pages(self, set_id: str) -> None:
        """Rows of a set."""
        for n in itertools.count():
            if self.over.is_set():
                return
            texts = [f"{n}-{i}" for i in range(ROWS_AT_ONCE)]
            self.laboratory.add_items(set_id, [{"input": t, "reference_output": t} for t in texts])
            self.rows.update(texts)

    def traces(self, token: str) -> None:
        """Spans, in small batches."""
        with httpx.Client(base_url=self.laboratory.http.base_url, headers={"authorization": f"Bearer {token}"}) as http:
            while not self.over.is_set():
                ids = [secrets.token_hex(8) for _ in range(10)]
                batch = [self._span(each) for each in ids]
                assert http.post("/v1/loop/traces/ingest", json={"spans": batch}).json()["code"] == 0
                self.spans.update(ids)

    def _span(self, span_id: str) -> dict[str, Any]:
        ids = {"trace_id": secrets.token_hex(16), "span_id": span_id, "parent_id": "0"}
        return {**ids, "workspace_id": self.laboratory.space, "started_at_micros": int(time.time() * 1_000_000)}


def events(data: Path) -> list[dict[str, Any]]:
    """The whole log."""
    told = done("events", "list", "--json", "--limit", "1000000", "--data-dir", data)
    return [json.loads(line) for line in told.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it_and_no_command_in_part(
    platform: Platform, tmp_path: Path
) -> None:
    laboratory = Laboratory(platform.url)
    source = laboratory.rows([str(n) for n in range(ITEMS)])
    set_id, _ = laboratory.rows(["first"])
    evaluator = laboratory.evaluator(NUMBER)
    work = Work(laboratory)
    with ThreadPoolExecutor(4) as pool:
        running = [
            pool.submit(work.prompts),
            pool.submit(work.pages, set_id),
            pool.submit(work.traces, laboratory.token),
        ]
        try:
            while min(len(work.committed), len(work.rows) // ROWS_AT_ONCE, len(work.spans) // 10) < 5:
                assert not [each.exception() for each in running if each.done()]
                time.sleep(0.05)
            experiment = laboratory.start(laboratory.asked(source, [evaluator]))
            before = work.so_far()
            done("backup", tmp_path / "b", "--data-dir", platform.data_dir)
        finally:
            work.over.set()
        for each in running:
            each.result()
    laboratory.until_over(experiment)
    assert platform.stop() == 0
    original = events(platform.data_dir)

    restored = tmp_path / "restored"
    keys = keys_of(platform.data_dir, tmp_path / "keys")
    done("restore", tmp_path / "b", "--data-dir", restored, "--keys", keys)
    done("verify", "--data-dir", restored)
    kept = events(restored)
    assert [e["hash"] for e in kept] == [e["hash"] for e in original[: len(kept)]]
    assert len(kept) < len(original)
    size = Counter(e["command_id"] for e in original)
    assert {c: n for c, n in Counter(e["command_id"] for e in kept).items() if size[c] != n} == {}, "none in part"

    with Platform(restored, platform.port) as again:
        again.start().ready()
        login = {"email": laboratory.email, "password": laboratory.password}
        laboratory.call("POST", "/api/foundation/v1/users/login_by_password", login)
        for prompt_id, key in before.committed.items():
            shown = laboratory.call("GET", f"{PROMPTS}/{prompt_id}", None, with_commit="true", commit_version="1.0.0")
            assert shown["prompt"]["prompt_key"] == key
            assert f"draft 2 of {key}" in json.dumps(shown["prompt"]["prompt_commit"])
        for prompt_id, version in before.drafted.items():
            if prompt_id not in work.committed:
                continue
            shown = laboratory.call("GET", f"{PROMPTS}/{prompt_id}", None, with_draft="true", with_commit="true")
            found = json.dumps(shown["prompt"])
            assert any(f"draft {later} of" in found for later in range(version, 3)), found
        assert laboratory.until_over(experiment) == 11, "it goes on where it was"
        assert len(laboratory.items(experiment)) == ITEMS
        assert before.rows <= texts_of(laboratory, set_id)
        until(lambda: "the trace table shows them" in done("verify", "--data-dir", restored), "spans are shown", again)
        assert again.stop() == 0
    same_after_replay(restored)
    assert asyncio.run(span_ids(restored)) >= before.spans


def texts_of(laboratory: Laboratory, set_id: str) -> set[str]:
    """The rows of a set."""
    path, found, page = f"{SETS}/{set_id}/items/list", set[str](), 1
    while items := laboratory.post(path, {"page_number": page, "page_size": 200}).json().get("items"):
        found |= {i["turns"][0]["field_data_list"][0]["content"]["text"] for i in items}
        page += 1
    return found


def same_after_replay(data: Path) -> None:
    """The read models are those of a replay."""

    async def held() -> Any:
        database = open_database(f"sqlite:///{data / 'read.db'}")
        try:
            standing = await database.read(standings, create=False)
            database.switch({m.name: m.table(standing[m.name].live_table) for m in READ_MODELS})
            return await rows(database, READ_MODELS)
        finally:
            await database.close()

    before = asyncio.run(held())
    done("replay", "--all", "--data-dir", data)
    same(before, asyncio.run(held()), "followed", "replayed")


async def span_ids(data: Path) -> set[str]:
    """What the table of spans shows."""
    db = open_clickhouse("", data / "clickhouse", 500_000_000)
    try:
        return {row["span_id"] for row in await db.query("SELECT span_id FROM spans_v1 FINAL")}
    finally:
        await db.close()
