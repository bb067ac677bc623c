"""A worker that dies before it has run anything is another one's turn."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.sandbox.worker import TRIES, CannotStart, Worker

FRAIL = """
import os, signal, sys
file, deaths = sys.argv[1], int(sys.argv[2])
with open(file, "a") as starts:
    starts.write("x")
if os.path.getsize(file) <= deaths:
    os.kill(os.getpid(), signal.SIGKILL)
print('{"ready": true}', flush=True)
sys.stdin.read()
"""


def frail(file: Path, deaths: int) -> list[str]:
    """A worker that is ended so often before it is ready."""
    return [sys.executable, "-I", "-S", "-c", FRAIL, str(file), str(deaths)]


async def test_a_worker_that_was_ended_while_it_started_is_started_again(tmp_path: Path) -> None:
    worker = await Worker.start(frail(tmp_path / "starts", TRIES - 1))
    assert worker.alive
    worker.end()
    assert (tmp_path / "starts").read_text() == "x" * TRIES


async def test_after_three_deaths_it_is_said_that_none_starts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"did not start: .* the system ended it"):
        await Worker.start(frail(tmp_path / "starts", TRIES))
    assert (tmp_path / "starts").read_text() == "x" * TRIES
