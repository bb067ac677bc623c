"""O1: a platform whose copies of states are deleted answers the same, reads and commands."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cozeloop.demo.tour import Tour
from tests.e2e.processes import Platform

PROMPTS = "/api/prompt/v1/prompts"


def rows(data: Path, statement: str) -> int:
    with closing(sqlite3.connect(data / "read.db", isolation_level=None)) as db:
        return len(db.execute(statement).fetchall())


def answers(tour: Tour, prompt: str, key: str) -> list[object]:
    """Of reads, of a command done again, of one that a rule refuses, and of one that changes something back."""
    said = [tour.call("GET", f"{PROMPTS}/{prompt}", workspace_id=tour.space)]
    named = {"prompt_name": "name 7", "prompt_description": ""}
    again = tour.http.put(f"{PROMPTS}/{prompt}", json=named, headers={"Idempotency-Key": key})
    taken = {"workspace_id": tour.space, "prompt_key": "long", "prompt_name": "x"}
    refused = tour.http.post(PROMPTS, json=taken)
    for name in ("another", "name 59"):
        tour.call("PUT", f"{PROMPTS}/{prompt}", {"prompt_name": name, "prompt_description": ""})
    prompt_shown = said[0]["prompt"]
    prompt_shown["prompt_basic"].pop("updated_at")
    return [*said, again.json(), again.headers["x-log-position"], refused.json()]


@pytest.mark.slow
def test_a_platform_without_its_copies_answers_the_same(tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as platform:
        tour = Tour(platform.start().ready().url)
        tour.register()
        body = {"workspace_id": tour.space, "prompt_key": "long", "prompt_name": "long"}
        prompt = tour.call("POST", PROMPTS, body)["prompt_id"]
        for n in range(60):
            key = {"Idempotency-Key": f"key-{n}"}
            named = {"prompt_name": f"name {n}", "prompt_description": ""}
            assert tour.http.put(f"{PROMPTS}/{prompt}", json=named, headers=key).json()["code"] == 0
        assert platform.stop() == 0
        assert rows(platform.data_dir, "select id from state_snapshots") > 0
        platform.start().ready()
        with_copies = answers(tour, prompt, "key-7")
        assert platform.stop() == 0
        assert rows(platform.data_dir, "delete from state_snapshots returning id") > 0
        platform.start().ready()
        assert answers(tour, prompt, "key-7") == with_copies
        assert platform.stop() == 0
