import asyncio
from pathlib import Path

from infra.disk import Disk, shortage, sync_all
from tests.integration.conftest import until

ANYTHING, EVERYTHING = 0, 1 << 62


def test_a_disk_with_less_room_than_wanted_is_short_and_says_how_much_there_is(tmp_path: Path) -> None:
    assert shortage(tmp_path, ANYTHING) == ""
    assert "MiB left" in shortage(tmp_path, EVERYTHING)


async def test_when_there_is_room_again_what_is_needed_is_done_before_writing_begins(tmp_path: Path) -> None:
    seen: list[str] = []

    async def on_room() -> None:
        seen.append(disk.shortage)
        if len(seen) == 1:
            raise RuntimeError("not yet")

    disk = Disk(tmp_path, EVERYTHING, on_room)
    assert disk.shortage
    disk.least = ANYTHING
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(disk.watch())
        await until(lambda: not disk.shortage)
        watching.cancel()
    assert len(seen) == 2, "tried again after it failed"
    assert all(seen), "it was still short of room meanwhile"


def test_folders_within_folders_are_synced_with_what_lies_in_them(tmp_path: Path) -> None:
    (tmp_path / "a" / "empty").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"1")
    sync_all(tmp_path)
    assert (tmp_path / "a" / "file").read_bytes() == b"1"
