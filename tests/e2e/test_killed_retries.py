"""kill -9 of the platform while an experiment is run again: one outcome for each item, step and run."""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.laboratory import DONE, ECHO, EXACT, TERMINAL, Laboratory
from tests.e2e.models import Endpoint, Gate, Moody, catalogue_of
from tests.e2e.processes import Platform, cozeloop, eventually

ITEMS, FAILING, KILLS, CONCURRENCY = 120, 60, 3, 4
GATE = "2"
SUCCESS, FAILURE = 11, 12
LONGEST_SECONDS = 120
OUTCOMES = {"TargetAnswered": 0, "TargetFailed": 0, "EvaluatorScored": 1, "EvaluatorFailed": 1}

pytestmark = [pytest.mark.kill, pytest.mark.slow, pytest.mark.timeout(LONGEST_SECONDS + 180)]


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def platform(tmp_path: Path, moody: Moody, gate: Gate) -> Iterator[Platform]:
    config = tmp_path / "model_config.yaml"
    with Endpoint({"moody": moody, "gate": gate}) as endpoint:
        config.write_text(catalogue_of(endpoint, ["moody", "gate"]))
        with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config)) as running:
            yield running.start().ready()


def test_each_item_step_and_run_has_one_outcome_when_the_platform_is_killed(platform: Platform, moody: Moody) -> None:
    seed = int(os.environ.get("COZELOOP_SEED") or secrets.randbelow(1 << 32))
    print(f"COZELOOP_SEED={seed}")
    lab = Laboratory(platform.url)
    texts = [f"row-{number}" for number in range(ITEMS)]
    moody.fails.update(dict.fromkeys(texts[:FAILING], 1))
    body = lab.asked(lab.rows(texts), [lab.evaluator(EXACT)], lab.prompt(ECHO), item_concur_num=CONCURRENCY)
    experiment = lab.run(body)
    assert lab.shown(experiment)["status"] == FAILURE
    asked = moody.asked.total()

    run = lab.retry(experiment)
    for moment in sorted(random.Random(seed).sample(range(1, FAILING), KILLS)):
        deadline = time.monotonic() + LONGEST_SECONDS
        while moody.asked.total() < asked + moment:
            assert time.monotonic() < deadline, f"{moody.asked.total() - asked} of {moment}"
            threading.Event().wait(0.001)
        platform.kill()
        platform.start().ready()
    assert lab.until_over(experiment) == SUCCESS
    assert asked + FAILING <= moody.asked.total() <= asked + FAILING + KILLS * CONCURRENCY
    assert [moody.asked[text] for text in texts[FAILING:]] == [1] * (ITEMS - FAILING), "what was good was not repeated"

    items = [*lab.items(experiment), *lab.items(experiment, page=2)]
    assert [(i.state, i.output, i.scores) for i in items] == [(DONE, text, [1.0]) for text in texts]
    outcomes = Counter(outcomes_of(platform))
    assert set(outcomes.values()) == {1}
    assert Counter((r, step) for r, _, step in outcomes)[run, 0] == FAILING
    assert Counter((r, step) for r, _, step in outcomes)[run, 1] == FAILING
    verified = cozeloop("verify", "--data-dir", platform.data_dir)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_deadline_outlives_the_platform(platform: Platform, gate: Gate) -> None:
    lab = Laboratory(platform.url)
    rows, evaluator, prompt = lab.rows(["1", "2"]), lab.evaluator(EXACT), lab.prompt(GATE)
    experiment = lab.start(lab.asked(rows, [evaluator], prompt, item_concur_num=1, max_alive_time="2000"))
    eventually(lambda: gate.waiting == 1)
    platform.kill()
    platform.start().ready()
    assert lab.until_over(experiment) == FAILURE
    assert "601205084" in lab.shown(experiment)["status_message"]
    assert [i.state for i in lab.items(experiment)] == [TERMINAL, TERMINAL]


def outcomes_of(platform: Platform) -> Iterator[tuple[str, str, int]]:
    """Run, item and step of every outcome in the log."""
    query = ("--capability", "experiments", "--limit", "100000", "--json")
    listed = cozeloop("events", "list", "--data-dir", platform.data_dir, *query)
    assert listed.returncode == 0, listed.stderr
    for line in listed.stdout.splitlines():
        event = json.loads(line)
        if event["type"] in OUTCOMES:
            yield event["payload"]["run_id"], event["payload"]["item_id"], OUTCOMES[event["type"]]
