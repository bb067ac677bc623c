"""Kill -9 at random moments while people write: everything acknowledged is there, nothing half, effects once.

In the embedded shape the workers are the platform's own process: they die with it. Ten kills of each victim; with
COZELOOP_SOAK=1 a thousand.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.e2e.models import Endpoint, catalogue_of, echo
from tests.e2e.persistent import Persistent
from tests.e2e.processes import Platform, alive, cozeloop, until
from tests.integration.proof.people import events

SOAK = os.environ.get("COZELOOP_SOAK") == "1"
KILLS = 1000 if SOAK else 10
PEOPLE = ("ada", "ben", "cyd")
A_MINUTE_BEARS = 4
"""Deaths of the log server in a minute; the fifth ends the platform, which is tested elsewhere."""

pytestmark = [
    pytest.mark.kill,
    pytest.mark.slow,
    pytest.mark.timeout(KILLS * 30),
    pytest.mark.skipif(not Path("/proc/self").exists() and os.environ.get("CI") != "true", reason="needs /proc"),
]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    config = tmp_path / "model_config.yaml"
    with Endpoint({"echo": echo}) as endpoint:
        config.write_text(catalogue_of(endpoint, ["echo"]))
        with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config)) as running:
            yield running.start().ready()


def kill_the_platform(platform: Platform, number: int) -> None:
    child = platform.log_server
    platform.kill()
    platform.start().ready()
    assert not alive(child), "its log server outlived the start of another"


def kill_the_log_server(platform: Platform, number: int) -> None:
    if number % A_MINUTE_BEARS == 0:
        assert platform.stop() == 0
        platform.start().ready()
    killed = platform.log_server
    os.kill(killed, SIGKILL)
    until(lambda: platform.log_server not in (0, killed), "another nats-server runs", platform)
    platform.ready()


def kill_a_sandbox(platform: Platform, number: int) -> None:
    until(lambda: sandboxes(platform), "a sandbox runs", platform)
    for pid in sandboxes(platform)[:1]:
        os.kill(pid, SIGKILL)


def sandboxes(platform: Platform) -> list[int]:
    """The processes that run code evaluators: every child but the log server. Their command line is not to be read."""
    children = Path(f"/proc/{platform.pid}/task/{platform.pid}/children").read_text().split()
    return [int(pid) for pid in children if int(pid) != platform.log_server and alive(int(pid))]


@pytest.mark.parametrize("strike", [kill_the_platform, kill_the_log_server, kill_a_sandbox])
def test_what_was_acknowledged_is_there_once_whatever_was_killed(
    platform: Platform, strike: Callable[[Platform, int], None]
) -> None:
    seed = int(os.environ.get("COZELOOP_SEED") or secrets.randbelow(1 << 32))
    print(f"COZELOOP_SEED={seed}")
    moments = random.Random(seed)
    people = [Persistent(platform.url, name, seed + i) for i, name in enumerate(PEOPLE)]
    for person in people:
        person.start()
    for number in range(1, KILLS + 1):
        enough = sum(p.answered for p in people) + moments.randint(3, 30)
        until(lambda enough=enough: answered(people) >= enough, f"{enough} answers", platform)
        strike(platform, number)
    for person in people:
        person.finish()

    for person in people:
        person.check()
    once(platform)
    verified = cozeloop("verify", "--data-dir", platform.data_dir)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print(f"{KILLS} kills, {answered(people)} answers")


def answered(people: list[Persistent]) -> int:
    """How many writes were acknowledged; raises what ended somebody's work."""
    for person in people:
        person.alive()
    return sum(p.answered for p in people)


def once(platform: Platform) -> None:
    """Each step of each item has one outcome, and each thing was made once."""
    steps: Counter[tuple[str, ...]] = Counter()
    made: Counter[str] = Counter()
    for event in events(platform.data_dir):
        if event["type"] in ("TargetAnswered", "TargetFailed", "EvaluatorScored", "EvaluatorFailed"):
            steps[event["stream"],] += 1
        elif event["version"] == 1:
            made[event["stream"]] += 1
    assert set(steps.values()) <= {1}
    assert set(made.values()) == {1}
