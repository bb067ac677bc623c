"""R6: streams that a defect of an earlier release parked are applied after the fix, running and alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cozeloop.demo.tour import Tour
from tests.e2e.processes import Platform, command

PROMPTS = "/api/prompt/v1/prompts"
NAMES = ("one", "two", "three")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as made:
        yield made.start().ready()


def filled(platform: Platform) -> Tour:
    tour = Tour(platform.url)
    tour.register()
    for name in NAMES:
        body = {"workspace_id": tour.space, "prompt_key": name, "prompt_name": name}
        prompt_id = tour.call("POST", PROMPTS, body)["prompt_id"]
        tour.call("PUT", f"{PROMPTS}/{prompt_id}", {"prompt_name": f"{name} again", "prompt_description": ""})
    return tour


def shown(tour: Tour) -> list[str]:
    body = {"workspace_id": tour.space, "page_num": 1, "page_size": 10}
    return sorted(p["prompt_basic"]["display_name"] for p in tour.call("POST", f"{PROMPTS}/list", body)["prompts"])


def park(data: Path, name: str) -> None:
    """What a projector leaves that could not take a prompt's events."""
    listed = command("events", "list", "--data-dir", data, "--capability", "prompts", "--json")
    lines = [json.loads(line) for line in listed.stdout.splitlines()]
    stream = next(e["stream"] for e in lines if e["payload"].get("name") == name)
    with closing(sqlite3.connect(data / "read.db", isolation_level=None)) as db:
        [table] = db.execute("select live_table from read_models where name = 'prompts'").fetchone()
        db.execute(f"delete from {table} where prompt_id = ?", [stream.split(".")[2]])
        rows = [(table, e["position"], "prompts", stream, "a defect") for e in lines if e["stream"] == stream]
        db.executemany("insert into parked (table_name, position, model, stream, error) values (?,?,?,?,?)", rows)


@pytest.mark.slow
def test_what_was_parked_is_there_after_the_fix(platform: Platform) -> None:
    tour = filled(platform)
    whole = shown(tour)
    assert platform.stop() == 0
    park(platform.data_dir, "one")
    park(platform.data_dir, "two")
    platform.start().ready()
    assert shown(tour) == ["three again"]
    again = command("replay", "--parked", "prompts", "--data-dir", platform.data_dir)
    assert (again.exit_code, again.stderr) == (0, "")
    assert [line.split(": ")[1] for line in again.stdout.splitlines()] == ["2 events, applied"] * 2
    assert shown(tour) == whole
    assert command("replay", "--parked", "--data-dir", platform.data_dir).stdout == "nothing is parked\n"
    assert platform.stop() == 0
    park(platform.data_dir, "three")
    alone = command("replay", "--parked", "--data-dir", platform.data_dir)
    assert (alone.exit_code, alone.stdout.count("applied")) == (0, 1)
    platform.start().ready()
    assert shown(tour) == whole
