"""`doctor --accept-loss`: without a backup the platform goes on with what is left, and nobody takes it for all."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from infra.gaps import Gaps
from tests.e2e.processes import Platform, command, until
from tests.integration.proof.damage import flip
from tests.integration.proof.people import Person, events
from tests.integration.proof.test_damaged_platform import KEYS, ada, filled, fresh, listing, middle, platform

__all__ = ["ada", "filled", "fresh", "platform"]


def accepted(data: Path, *words: str) -> None:
    """Told first, done only when the operator is sure, and nothing the second time."""
    unsure = command("doctor", "--accept-loss", "--data-dir", data)
    assert unsure.exit_code == 1 and "--yes" in unsure.stderr
    assert all(word in unsure.stdout for word in words), unsure.stdout
    done = command("doctor", "--accept-loss", "--yes", "--data-dir", data)
    assert done.exit_code == 0, done.stderr
    again = command("doctor", "--accept-loss", "--yes", "--data-dir", data)
    assert again.exit_code == 0 and "nothing is lost" in again.stdout


def goes_on(platform: Platform, ada: Person, left: list[str], old: str) -> None:
    """Reading, writing, replaying and verifying; positions of before are refused."""
    platform.start().ready()
    assert ada.keys() == left
    assert ada.prompt("later")["code"] == 0
    assert ada.keys() == sorted([*left, "later"])
    named = str(platform.health()[1]["log_position"])
    assert named.startswith("events-")
    path, body = listing(ada)
    refused = ada.http.post(path, params={"min_position": old}, json=body).json()
    assert refused["code"] == 602000202 and "of a log before this one" in refused["msg"]
    assert command("replay", "--all", "--data-dir", platform.data_dir).exit_code == 0
    assert ada.keys() == sorted([*left, "later"])
    verified = command("verify", "--data-dir", platform.data_dir)
    assert verified.exit_code == 0, verified.stderr
    assert [e["type"] for e in events(platform.data_dir)].count("LossAccepted") == 1
    assert platform.stop() == 0
    platform.start().ready()
    assert ada.keys() == sorted([*left, "later"])


@pytest.mark.slow
def test_a_hole_is_accepted_and_its_stream_alone_stays_refused(fresh: tuple[Platform, Person]) -> None:
    platform, ada = fresh
    lost, old = middle(platform), str(platform.health()[1]["log_position"])
    running = command("doctor", "--accept-loss", "--yes", "--data-dir", platform.data_dir)
    assert running.exit_code == 1 and "in use" in running.stderr
    assert platform.stop() == 0
    nothing = command("doctor", "--accept-loss", "--yes", "--data-dir", platform.data_dir)
    assert nothing.exit_code == 0 and "nothing is lost" in nothing.stdout
    flip(platform.data_dir / "nats", lost["hash"])
    accepted(platform.data_dir, f"{lost['position']} are missing")
    goes_on(platform, ada, [key for key in KEYS if key != "key2"], old)


@pytest.mark.kill
def test_a_log_that_was_cut_goes_on_under_another_name(fresh: tuple[Platform, Person]) -> None:
    platform, ada = fresh
    cut, old = middle(platform), str(platform.health()[1]["log_position"])
    server = platform.log_server
    flip(platform.data_dir / "nats", cut["hash"])
    os.kill(server, signal.SIGKILL)
    platform.kill()
    accepted(platform.data_dir, f"the log ends at {cut['position'] - 1}")
    goes_on(platform, ada, KEYS[:2], old)


@pytest.mark.slow
def test_a_log_that_is_gone_altogether_is_told(platform: Platform, ada: Person) -> None:
    shutil.rmtree(platform.data_dir / "nats")
    accepted(platform.data_dir, "follows log", "this is log")
    platform.start().ready()
    until(lambda: platform.health()[0] == 200, "it is ready", platform)
    assert [e["type"] for e in events(platform.data_dir)] == ["LossAccepted"]


def test_gaps_tell_what_is_within_them() -> None:
    gaps = Gaps.parse("3-5,9-9")
    assert Gaps.parse(str(gaps)) == gaps and not Gaps.parse("")
    assert gaps.hold(3, 5) and gaps.hold(4, 4) and gaps.hold(9, 9) and gaps.hold(7, 6)
    assert not (gaps.hold(2, 5) or gaps.hold(3, 6) or gaps.hold(5, 9) or gaps.hold(1, 1))
    assert gaps.touch(2, 6) and gaps.touch(8, 10) and not gaps.touch(5, 9)
    assert Gaps.parse("4-4").with_ranges([(1, 2)]).ranges == ((1, 2), (4, 4))
