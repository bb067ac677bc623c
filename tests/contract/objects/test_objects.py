"""What every adapter of the port `Objects` promises: a directory, and S3 on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest

from infra import clock
from infra.objects import FileObjects, ObjectsUnavailable
from infra.objects.port import Objects
from infra.objects.s3 import S3Objects
from tests.s3_server import WEED, S3Server, free_ports, s3_server

MIB = 1 << 20


class Broken(Exception):
    """A client hung up."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server | None]:
    """None where SeaweedFS has no wheel."""
    if not WEED.exists():
        yield None
        return
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["directory", "s3"])
async def objects(request: pytest.FixtureRequest, tmp_path, server: S3Server | None) -> AsyncIterator[Objects]:
    if request.param == "directory":
        yield FileObjects(tmp_path / "objects")
        return
    opened = S3Objects(bucket(server))
    await opened.open()
    yield opened
    await opened.close()


def bucket(server: S3Server | None, **how: str) -> str:
    """The address of an empty one."""
    if server is None:
        pytest.skip("SeaweedFS has no wheel for this platform")
    return server.url(**how)


async def chunks(*parts: bytes, breaks: bool = False) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if breaks:
        raise Broken


async def whole(objects: Objects, name: str) -> bytes:
    return b"".join([block async for block in objects.read(name)])


async def test_an_object_is_read_back_whole_and_an_absent_one_is_none(objects):
    await objects.put("sealed/7/ab", b"x" * 100_000)
    assert await objects.get("sealed/7/ab") == b"x" * 100_000
    assert await objects.size("sealed/7/ab") == 100_000
    assert await objects.get("sealed/7/cd") is None
    assert await objects.size("sealed/7/cd") is None
    assert [block async for block in objects.read("sealed/7/cd")] == []


async def test_an_object_that_was_put_stays_as_it_is(objects):
    await objects.put("sealed/7/ab", b"first")
    await objects.put("sealed/7/ab", b"second")
    assert await objects.get("sealed/7/ab") == b"first"


async def test_an_empty_object_is_there(objects):
    await objects.put("sealed/7/ab", b"")
    assert await objects.get("sealed/7/ab") == b""
    assert await objects.size("sealed/7/ab") == 0


async def test_a_stream_becomes_an_object_block_by_block(objects):
    parts = [bytes([n]) * (MIB + n) for n in range(20)]
    assert await objects.store("files/7/ab", chunks(*parts)) == sum(map(len, parts))
    blocks = [block async for block in objects.read("files/7/ab")]
    assert b"".join(blocks) == b"".join(parts)
    assert max(map(len, blocks)) <= 2 * MIB


async def test_what_is_stored_again_takes_the_place_of_the_old(objects):
    await objects.store("files/7/ab", chunks(b"first, and longer"))
    await objects.store("files/7/ab", chunks(b"second"))
    assert await whole(objects, "files/7/ab") == b"second"


async def test_a_stream_that_breaks_off_leaves_the_object_as_it_was(objects):
    await objects.store("files/7/ab", chunks(b"whole"))
    with pytest.raises(Broken):
        await objects.store("files/7/ab", chunks(b"x" * 3 * MIB, breaks=True))
    with pytest.raises(Broken):
        await objects.store("files/7/cd", chunks(b"x" * 3 * MIB, breaks=True))
    assert await whole(objects, "files/7/ab") == b"whole"
    assert await objects.size("files/7/cd") is None


async def test_a_copy_keeps_what_the_source_held(objects):
    await objects.store("files/7/ab", chunks(b"first"))
    assert await objects.copy("files/7/ab", "files/7/pinned") is True
    await objects.store("files/7/ab", chunks(b"second"))
    assert await objects.copy("files/7/ab", "files/7/ab") is True
    await objects.remove("files/7/ab")
    await objects.remove("files/7/ab")
    assert await objects.size("files/7/ab") is None
    assert await whole(objects, "files/7/pinned") == b"first"
    assert await objects.copy("files/7/ab", "files/7/other") is False


async def test_every_whole_object_is_named(objects):
    assert await objects.names() == []
    for name in ("sealed/7/ab", "files/7/ab", "files/8/cd", "files/8/ef", "files/8/gh"):
        await objects.put(name, b"x")
    await objects.remove("files/8/cd")
    assert await objects.names() == ["files/7/ab", "files/8/ef", "files/8/gh", "sealed/7/ab"]


async def test_objects_are_listed_by_the_beginning_of_their_names_page_by_page(objects):
    names = ["files/7/ab", "files/7/ab.c", "files/7/abc", "files/70/ab", "files/8/ab", "sealed/7/ab"]
    assert await objects.listed("files/", "", 9) == []
    for name in names:
        await objects.put(name, b"x")
    assert [each.name for each in await objects.listed("files/", "", 9)] == names[:5]
    assert [each.name for each in await objects.listed("files/", "", 2)] == names[:2]
    assert [each.name for each in await objects.listed("files/", names[1], 2)] == names[2:4]
    assert [each.name for each in await objects.listed("files/", names[4], 2)] == []
    assert [each.name for each in await objects.listed("files/7/ab", "", 1)] == ["files/7/ab"]
    assert [each.name for each in await objects.listed("sealed/", names[0], 9)] == ["sealed/7/ab"]


async def test_an_object_is_as_old_as_what_took_its_place_last(objects):
    async def modified(name: str) -> datetime:
        [found] = await objects.listed(name, "", 1)
        return found.modified

    await objects.store("files/7/ab", chunks(b"first"))
    first = await modified("files/7/ab")
    assert abs(clock.now() - first) < timedelta(minutes=5)
    async with asyncio.timeout(20):
        await objects.copy("files/7/ab", "files/7/copied")
        while await modified("files/7/copied") <= first:
            await objects.copy("files/7/ab", "files/7/copied")
        await objects.store("files/7/ab", chunks(b"second"))
        while await modified("files/7/ab") <= first:
            await objects.store("files/7/ab", chunks(b"second"))


@pytest.mark.parametrize("name", ["", "x", "../x/y", "a/../../b", "/etc/passwd", "a/b\0", "a//b", "a/..", "a/ü"])
async def test_a_name_that_leaves_its_place_is_refused(objects, name):
    with pytest.raises(ValueError, match="object name"):
        await objects.put(name, b"")
    with pytest.raises(ValueError, match="object name"):
        await objects.store(name, chunks(b""))


async def test_a_directory_holds_nothing_but_whole_objects(tmp_path):
    objects = FileObjects(tmp_path)
    with pytest.raises(Broken):
        await objects.store("files/7/ab", chunks(b"x", breaks=True))
    await objects.put("files/7/ab", b"first")
    await objects.copy("files/7/ab", "files/7/ab")
    assert [p.name for p in (tmp_path / "files/7").iterdir()] == ["ab"]
    assert (tmp_path / "files/7/ab").stat().st_mode & 0o777 == 0o600


async def test_a_store_with_another_secret_is_refused_without_showing_it(server):
    objects = S3Objects(bucket(server, secret="another-secret"), attempts=0)
    with pytest.raises(ObjectsUnavailable, match="refused") as refused:
        await objects.put("files/7/ab", b"")
    assert "another-secret" not in f"{refused.value!r} {objects!r}"


async def test_a_store_that_does_not_answer_is_said_to_be_unavailable():
    [port] = free_ports(1)
    with pytest.raises(ObjectsUnavailable):
        await S3Objects(f"http://key:secret@127.0.0.1:{port}/bucket", attempts=0).get("files/7/ab")


async def test_a_store_that_fails_is_said_to_be_unavailable():
    async def fail(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(fail, "127.0.0.1", 0) as failing:
        port = failing.sockets[0].getsockname()[1]
        with pytest.raises(ObjectsUnavailable):
            await S3Objects(f"http://key:secret@127.0.0.1:{port}/bucket", attempts=0).get("files/7/ab")


@pytest.mark.parametrize("url", ["", "file:///x", "https://host", "https://host/a/b", "ftp://a:b@host/bucket"])
def test_an_address_that_names_no_bucket_is_refused(url):
    with pytest.raises(ValueError, match="COZELOOP_OBJECTS_URL"):
        S3Objects(url)
