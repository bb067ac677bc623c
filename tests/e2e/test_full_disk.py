"""A disk that is full, or read-only: commands refuse with a sentence, reads go on, and writing begins again by itself.

The data directory lies on a file system of its own, in memory; mounting one takes root.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.laboratory import PROMPTS, Laboratory
from tests.e2e.processes import Platform, cozeloop, until

SIZE = 64 << 20
LEAST = 4 << 20
"""Room below which the platform writes nothing, in this test: more than it writes before it looks again."""
UNKNOWN, REFUSED = 600500701, 600500703

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that nobody else writes to."""
    at = tmp_path / "disk"
    at.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", at], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        reason = f"no file system can be mounted here: {mounted.stderr.strip()}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    yield at
    subprocess.run(["umount", "--lazy", at], check=True)


@pytest.fixture
def platform(disk: Path) -> Iterator[Platform]:
    with Platform(disk / "data", COZELOOP_MIN_FREE_BYTES=str(LEAST)) as running:
        running.log_file = disk.with_name("stderr")
        yield running.start().ready()


def fill(disk: Path, but: int) -> None:
    """Leaves so many bytes at most: the platform writes meanwhile, and may take the last of them."""
    with open(disk / "ballast", "wb", buffering=0) as ballast, suppress(OSError):
        while (more := room(disk) - but) > 0:
            ballast.write(bytes(more))


def room(disk: Path) -> int:
    """Bytes that may be written."""
    at = os.statvfs(disk)
    return at.f_bavail * at.f_frsize


class Writer:
    """Somebody who creates prompts and remembers which were acknowledged."""

    def __init__(self, platform: Platform) -> None:
        self.lab = Laboratory(platform.url)
        self.kept: list[str] = []

    def create(self) -> tuple[int, str]:
        """Tries to create one; code and message."""
        key = self.lab.name("prompt")
        answer = self.lab.post(PROMPTS, {"prompt_key": key, "prompt_name": key}).json()
        if answer["code"] == 0:
            self.kept.append(key)
        return answer["code"], answer["msg"]

    def keys(self) -> list[str]:
        """Those that are shown."""
        found = self.lab.call("POST", f"{PROMPTS}/list", {**self.space, "page_num": 1, "page_size": 100})
        return sorted(p["prompt_key"] for p in found.get("prompts") or [])

    @property
    def space(self) -> dict[str, str]:
        """Where."""
        return {"workspace_id": self.lab.space}


def goes_on(writer: Writer, platform: Platform) -> None:
    """Writing begins by itself; nothing acknowledged is missing, nothing refused is there."""
    until(lambda: writer.create()[0] == 0, "writing begins again", platform)
    platform.ready()
    assert writer.keys() == sorted(writer.kept)
    assert platform.stop() == 0
    verified = cozeloop("verify", "--data-dir", platform.data_dir)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_before_the_disk_is_full_commands_refuse_and_say_so_while_reads_go_on(platform: Platform, disk: Path) -> None:
    writer = Writer(platform)
    assert writer.create()[0] == 0
    fill(disk, LEAST * 3 // 4)
    until(lambda: writer.create()[0] == REFUSED, "commands refuse", platform)
    code, said = writer.create()
    assert (code, "nothing was stored" in said, "MiB left" in said) == (REFUSED, True, True), said
    assert writer.keys() == sorted(writer.kept)
    draft = {"prompt_draft": {"draft_info": {}, "detail": {}}}
    [prompt] = [
        p["id"]
        for p in writer.lab.call("POST", f"{PROMPTS}/list", {**writer.space, "page_num": 1, "page_size": 1})["prompts"]
    ]
    assert writer.lab.post(f"{PROMPTS}/{prompt}/drafts/save", draft).json()["code"] == REFUSED
    assert platform.health()[0] == 503
    assert "MiB left" in platform.health()[1]["msg"]
    (disk / "ballast").unlink()
    goes_on(writer, platform)


def test_a_disk_that_fills_up_at_once_costs_nothing_that_was_acknowledged(platform: Platform, disk: Path) -> None:
    writer = Writer(platform)
    assert writer.create()[0] == 0
    fill(disk, 0)
    answers = [writer.create() for _ in range(20)]
    until(lambda: writer.create()[0] == REFUSED, "commands refuse", platform)
    assert {code for code, _ in answers} <= {0, UNKNOWN, REFUSED}, answers
    register = {"email": "new@example.com", "password": "correct horse battery"}
    refused = writer.lab.http.post("/api/foundation/v1/users/register", json=register).json()
    assert (refused["code"], "not available now" in refused["msg"]) == (602000703, True), refused
    assert set(writer.kept) <= set(writer.keys())
    (disk / "ballast").unlink()
    unknown = [code for code, _ in answers if code == UNKNOWN]
    if unknown:
        until(lambda: writer.create()[0] == 0, "writing begins again", platform)
        assert set(writer.kept) <= set(writer.keys())
    else:
        goes_on(writer, platform)


def test_on_a_read_only_data_directory_nothing_starts_and_the_sentence_says_why(platform: Platform, disk: Path) -> None:
    writer = Writer(platform)
    assert writer.create()[0] == 0
    assert platform.stop() == 0
    remount(disk, "ro")
    refused = cozeloop("up", "--data-dir", platform.data_dir)
    assert refused.returncode == 1
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr
    remount(disk, "rw")
    platform.start().ready()
    goes_on(writer, platform)


def remount(disk: Path, how: str) -> None:
    """Read-only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
