"""Which uploaded files go when their time is over, and which stay for an import's sake or because they are no files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cozeloop.expiring import INTERVAL_SECONDS, PAGE, PAUSE_SECONDS, Expiring, expire_for_ever
from cozeloop.projecting.tables import PARK, Standing, create_tables, put_standing
from cozeloop.sweeping import ReadModelBehind
from cozeloop.uploads import PATH, name_of, pinned
from events.event import Event, Metadata, Stream
from events.imports import ImportBegun, ImportCompleted, ImportRequested
from events.prompts import PromptCreated
from infra import clock
from infra.eventstore.log import Append
from infra.eventstore.sealing import Sealer
from infra.objects import FileObjects, SealedFiles
from tests.in_memory import InMemory
from tests.integration.conftest import FixedKeys

SPACE = "70"
DAY, WEEK = timedelta(days=1), timedelta(days=7)


async def content() -> AsyncIterator[bytes]:
    yield b"text"


class World:
    """A platform in memory with uploaded files in a directory; ``now`` is what its clock shows."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.now = clock.now()
        self.objects = FileObjects(root)
        self.files = SealedFiles(self.objects, FixedKeys())
        platform = InMemory()
        self.memory = platform.memory
        self.platform = replace(platform.platform, files=self.files, now=lambda: self.now)
        self.expiring = Expiring(self.platform)

    async def uploaded(self, key: str, ago: timedelta = timedelta()) -> str:
        """The name of a file that was uploaded so long ago."""
        return await self.lies(await name_of(self.memory, SPACE, key), ago)

    async def lies(self, name: str, ago: timedelta) -> str:
        await self.files.write(SPACE, name, content(), 10)
        self.age(f"files/{SPACE}/{name}", ago)
        return name

    def age(self, object_: str, ago: timedelta) -> None:
        then = (self.now - ago).timestamp()
        os.utime(self.root / object_, (then, then))

    async def happened(self, event: Event, ago: timedelta = timedelta()) -> None:
        stream = Stream(SPACE, "imports", event.job_id)  # type: ignore[attr-defined]
        loaded = await self.memory.log.load([stream], None, lambda s, e: s)
        meta = Metadata(actor="7", command_id=f"{type(event).__name__}", occurred_at=self.now - ago)
        await self.memory.log.append([Append(stream, [event])], loaded.tails, meta)

    async def asked(self, job_id: str, path: str, ago: timedelta = timedelta()) -> None:
        wanted = ImportRequested(
            job_id=job_id, dataset_id="500", format="csv", size=4, overwrite=False, path=path, mappings=()
        )
        await self.happened(wanted, ago)

    async def remaining(self) -> set[str]:
        """The names of the files that are left after a whole round."""
        while await self.expiring.round():
            pass
        return {file.name for file in await self.files.listed(None, 10_000)}


@pytest.fixture
async def world(tmp_path) -> World:
    made = World(tmp_path)
    await made.memory.write(create_tables)
    return made


async def test_a_file_goes_when_its_retention_is_over_and_not_before(world):
    await world.uploaded("old.csv", WEEK)
    young = await world.uploaded("young.csv", WEEK - timedelta(seconds=1))
    assert await world.remaining() == {young}
    world.now += timedelta(seconds=1)
    assert await world.remaining() == set()
    assert world.expiring.removed == 2


async def test_what_an_unfinished_import_reads_stays_however_long_it_takes(world):
    source, pin = await world.uploaded("a.csv", 9 * WEEK), await world.lies(pinned("55"), 9 * WEEK)
    await world.asked("55", "a.csv", 8 * WEEK)
    assert await world.remaining() == {source, pin}
    await world.happened(ImportBegun(job_id="55", dataset_id="500", total=1, encoding="utf-8"), 8 * WEEK)
    assert await world.remaining() == {source, pin}
    await world.happened(ImportCompleted(job_id="55", dataset_id="500"))
    assert await world.remaining() == set()


async def test_an_import_whose_events_are_parked_keeps_what_it_will_read(world):
    pin, orphan = await world.lies(pinned("55"), 9 * WEEK), await world.lies(pinned("56"), 9 * WEEK)

    def park(conn: Any) -> None:
        put_standing(conn, [Standing("imports", "imports_v1", 1, 5, "", "")])
        row = {"table_name": "imports_v1", "position": 3, "model": "imports", "stream": "70.imports.55", "error": "x"}
        conn.execute(PARK, [row])

    await world.memory.write(park)
    assert pin != orphan
    assert await world.remaining() == {pin}


@pytest.mark.parametrize("by_address", [False, True])
async def test_the_file_of_an_import_stays_while_it_is_shown_with_an_address_to_fetch_it(world, by_address):
    source = await world.uploaded("a.csv", WEEK)
    path = f"{PATH}/{SPACE}/{source}?signature=ab" if by_address else "a.csv"
    await world.asked("55", path, timedelta(hours=23))
    await world.happened(ImportCompleted(job_id="55", dataset_id="500"), timedelta(hours=23))
    assert await world.remaining() == {source}
    world.now += timedelta(hours=2)
    assert await world.remaining() == set()


async def test_values_of_events_beside_the_files_stay_for_ever(world):
    sealer = Sealer(FixedKeys(), world.objects)
    stream = Stream(SPACE, "prompts", "100")
    event = PromptCreated(
        prompt_id="100",
        prompt_key="k",
        name="n",
        description="x" * 200_000,
        prompt_type="",
        security_level="",
        key_reservation="",
    )
    await sealer.seal(event, stream)
    [name] = await world.objects.names()
    assert name.startswith("sealed/")
    world.age(name, 900 * DAY)
    await world.objects.put("sealed/70/import-55", b"x")
    world.age("sealed/70/import-55", 900 * DAY)
    await world.uploaded("old.csv", 900 * DAY)
    assert await world.remaining() == set()
    assert await world.objects.names() == sorted([name, "sealed/70/import-55"])


async def test_nothing_goes_while_the_read_side_may_not_know_of_an_import(world):
    old = await world.uploaded("old.csv", WEEK)

    class Behind:
        async def reached(self, model: str, position: int, timeout: float) -> bool:
            return False

    with pytest.raises(ReadModelBehind):
        await Expiring(replace(world.platform, positions=Behind())).round()
    assert [file.name for file in await world.files.listed(None, 9)] == [old]


async def test_a_file_that_is_uploaded_or_imported_again_meanwhile_stays(world):
    for again in ("write", "copy"):
        name = await world.uploaded("a.csv", WEEK)
        [listed] = [file for file in await world.files.listed(None, 9) if file.name == name]
        if again == "write":
            await world.files.write(SPACE, name, content(), 10)
        else:
            await world.files.copy(SPACE, name, pinned("55"))
        assert not await world.files.remove_unchanged(listed)
        assert await world.files.size(SPACE, name) == 4


async def test_a_file_that_is_being_uploaded_is_not_removed_under_it(world):
    name = await world.uploaded("a.csv", WEEK)
    [listed] = await world.files.listed(None, 9)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"new"
        assert not await world.files.remove_unchanged(listed)
        yield b"er"

    await world.files.write(SPACE, name, slowly(), 10)
    assert await world.files.size(SPACE, name) == 5


async def test_a_round_looks_at_a_page_of_files_and_the_next_one_goes_on_behind_it(world):
    for n in range(PAGE + 1):
        path = world.root / "files" / SPACE / f"{n:04}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        world.age(f"files/{SPACE}/{n:04}", WEEK)
    assert await world.expiring.round() is True
    assert world.expiring.removed == PAGE
    assert await world.expiring.round() is False
    assert world.expiring.removed == PAGE + 1


class Ended(Exception):
    """The test's clock has run out."""


async def test_it_goes_round_every_hour_and_through_a_failure(world, caplog):
    pauses: list[float] = []
    await world.uploaded("old.csv", WEEK)

    class Rounds(Expiring):
        async def round(self) -> bool:
            match len(pauses):
                case 0:
                    return await super().round()
                case 1:
                    raise OSError("no disk")
                case _:
                    return True

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Ended

    with caplog.at_level("INFO", "cozeloop.expiring"), pytest.raises(Ended):
        await expire_for_ever(Rounds(world.platform), sleep)
    assert pauses == [INTERVAL_SECONDS, INTERVAL_SECONDS, PAUSE_SECONDS]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "removed 1 uploaded files" in caplog.text
