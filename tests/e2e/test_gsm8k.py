"""The main job on real input: 1,319 questions, two models, and the numbers that their authors published."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import faults
from tests.e2e.gsm8k import CONCURRENCY, QUESTIONS, RIGHT, Gsm8k, Run
from tests.e2e.models import Endpoint, catalogue_of
from tests.e2e.processes import Platform, cozeloop

SUCCESS = 11
STEPS = {"TargetAnswered": 0, "EvaluatorScored": 1}
KILLS = 3
LONGEST_SECONDS = 300
WITH_PROC = Path("/proc/self").exists()

pytestmark = pytest.mark.timeout(LONGEST_SECONDS + 60)


@pytest.fixture(scope="module")
def data() -> Gsm8k:
    return Gsm8k.read()


@pytest.fixture
def models(data: Gsm8k) -> Iterator[Endpoint]:
    with Endpoint(data.models) as endpoint:
        yield endpoint


@pytest.fixture
def platform(tmp_path: Path, models: Endpoint) -> Iterator[Platform]:
    config = tmp_path / "model_config.yaml"
    config.write_text(catalogue_of(models, list(RIGHT)))
    with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config)) as running:
        yield running.start().ready()


def test_the_scores_are_those_that_were_published(platform: Platform, models: Endpoint, data: Gsm8k) -> None:
    run = Run(platform.url, data)
    run.begin()
    finish(run)
    assert models.calls == dict.fromkeys(RIGHT, QUESTIONS), "each question was asked once"
    assert max(models.at_once.values()) <= CONCURRENCY

    whole(run, platform)
    everything_stays_the_same(run, platform)
    platform.stop()
    assert faults(platform.said) == []
    assert_verified(platform, "without a running platform")


@pytest.mark.kill
@pytest.mark.slow
def test_the_same_scores_when_the_platform_is_killed_three_times(
    platform: Platform, models: Endpoint, data: Gsm8k
) -> None:
    run = interrupted(platform, models, data, lambda: restarted(platform))
    whole(run, platform)
    everything_stays_the_same(run, platform)


@pytest.mark.kill
@pytest.mark.slow
@pytest.mark.skipif(not WITH_PROC and os.environ.get("CI") != "true", reason="processes are found in /proc")
def test_the_same_scores_when_the_log_server_is_killed_three_times(
    platform: Platform, models: Endpoint, data: Gsm8k
) -> None:
    run = interrupted(platform, models, data, lambda: bereft(platform))
    whole(run, platform)
    everything_stays_the_same(run, platform)


def interrupted(platform: Platform, models: Endpoint, data: Gsm8k, strike: Callable[[], None]) -> Run:
    """A run that is struck at random moments; few questions are asked twice."""
    seed = int(os.environ.get("COZELOOP_SEED") or secrets.randbelow(1 << 32))
    print(f"COZELOOP_SEED={seed}")
    run = Run(platform.url, data)
    run.begin()
    for moment in sorted(random.Random(seed).sample(range(1, 2 * QUESTIONS), KILLS)):
        wait_for_calls(models, moment)
        strike()
        print(f"struck after {models.calls}")
    finish(run)
    for name in RIGHT:
        assert QUESTIONS <= models.calls[name] <= QUESTIONS + KILLS * CONCURRENCY, (name, models.calls)
    return run


def restarted(platform: Platform) -> None:
    """kill -9 of the platform, and a new one."""
    platform.kill()
    platform.start().ready()


def bereft(platform: Platform) -> None:
    """kill -9 of its nats-server; the platform starts another one by itself."""
    pid = platform.log_server
    assert pid, "its nats-server is not found in /proc"
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    platform.ready()


def wait_for_calls(models: Endpoint, number: int) -> None:
    """Returns as soon as the models were asked so often."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while models.calls.total() < number:
        assert time.monotonic() < deadline, f"{models.calls} of {number}"
        time.sleep(0.001)


def finish(run: Run) -> None:
    """Waits until the experiments are over; both are successes."""
    for name, experiment in run.experiments.items():
        deadline = time.monotonic() + LONGEST_SECONDS
        for progress in run.watch(experiment, every=0.25):
            assert time.monotonic() < deadline, f"{name}: {progress}"
        assert (progress.status, progress.done, progress.total) == (SUCCESS, QUESTIONS, QUESTIONS), name


def whole(run: Run, platform: Platform) -> None:
    """Sums and verdicts are the published ones, and each step of each item has one outcome."""
    assert run.sums() == RIGHT
    for name in RIGHT:
        assert [score == 1.0 for score in run.item_scores(name)] == run.data.verdicts(name), name
    outcomes = Counter((e, i, step) for e, i, step in outcomes_of(platform))
    assert set(outcomes.values()) == {1}
    assert Counter((e, step) for e, _, step in outcomes) == {
        (experiment, step): QUESTIONS for experiment in run.experiments.values() for step in STEPS.values()
    }


def outcomes_of(platform: Platform) -> Iterator[tuple[str, str, int]]:
    """Experiment, item and step of every outcome in the log."""
    query = ("--capability", "experiments", "--limit", "100000", "--json")
    listed = cozeloop("events", "list", "--data-dir", platform.data_dir, *query)
    assert listed.returncode == 0, listed.stderr
    for line in listed.stdout.splitlines():
        event = json.loads(line)
        assert event["type"] not in ("TargetFailed", "EvaluatorFailed"), event
        if event["type"] in STEPS:
            yield event["payload"]["experiment_id"], event["payload"]["item_id"], STEPS[event["type"]]


def everything_stays_the_same(run: Run, platform: Platform) -> None:
    """Read models built anew twice show the same bytes, and the log is what was written."""
    before = run.bodies()
    for _ in range(2):
        replayed = cozeloop("replay", "--all", "--data-dir", platform.data_dir)
        assert replayed.returncode == 0, replayed.stderr
        assert "switched" in replayed.stdout
        assert [a == b for a, b in zip(before, run.bodies(), strict=True)] == [True] * len(before)
    assert_verified(platform, "while it runs")


def assert_verified(platform: Platform, when: str) -> None:
    """``cozeloop verify`` finds nothing."""
    verified = cozeloop("verify", "--data-dir", platform.data_dir)
    assert (verified.returncode, verified.stderr) == (0, ""), f"{when}: {verified.stdout}{verified.stderr}"
    assert "the log is whole" in verified.stdout
