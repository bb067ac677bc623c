"""Uploaded files as they lie in the object store: sealed, in their order, whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infra.objects import FileDamaged, FileObjects, FileTooLarge, SealedFiles
from infra.objects.sealed import CHUNK_BYTES, HEADER_BYTES, SEALED_BYTES
from tests.integration.conftest import FixedKeys

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 2_500_000]
LIMIT = 10_000_000


def content(size: int) -> bytes:
    return (b"0123456789abcdef-canary-" * (size // 24 + 1))[:size]


async def chunks(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.fixture
def keys() -> FixedKeys:
    return FixedKeys()


@pytest.fixture
def files(tmp_path, keys) -> SealedFiles:
    return SealedFiles(FileObjects(tmp_path), keys)


async def whole(files: SealedFiles, name: str = "ab", space: str = "7") -> bytes:
    return b"".join([piece async for piece in files.read(space, name)])


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_comes_back_as_it_was_and_lies_sealed(files, tmp_path, size):
    assert await files.write("7", "ab", chunks(content(size)), LIMIT) == size
    assert await whole(files) == content(size)
    assert await files.size("7", "ab") == size
    assert b"canary" not in (tmp_path / "files/7/ab").read_bytes()


async def test_a_file_that_is_not_there_has_no_content_and_no_size(files):
    assert [piece async for piece in files.read("7", "ab")] == []
    assert await files.size("7", "ab") is None


async def test_a_file_over_the_limit_is_refused_and_the_old_one_stays(files):
    await files.write("7", "ab", chunks(b"old"), 3)
    with pytest.raises(FileTooLarge):
        await files.write("7", "ab", chunks(b"newer"), 4)
    assert await whole(files) == b"old"


async def test_a_file_of_a_space_is_none_of_another(files):
    await files.write("7", "ab", chunks(b"mine"), LIMIT)
    assert await files.size("8", "ab") is None


async def test_a_destroyed_key_takes_the_files_with_it(files, keys):
    await files.write("7", "ab", chunks(content(100_000)), LIMIT)
    keys.destroy("7")
    with pytest.raises(FileDamaged, match="destroyed"):
        await whole(files)


def cut(data: bytes) -> bytes:
    return data[: HEADER_BYTES + 2 * SEALED_BYTES]


def cut_short(data: bytes) -> bytes:
    return data[:-1]


def without_chunks(data: bytes) -> bytes:
    return data[:HEADER_BYTES]


def without_header(data: bytes) -> bytes:
    return data[: HEADER_BYTES - 1]


def swapped(data: bytes) -> bytes:
    first, second = data[HEADER_BYTES:][:SEALED_BYTES], data[HEADER_BYTES + SEALED_BYTES :][:SEALED_BYTES]
    return data[:HEADER_BYTES] + second + first + data[HEADER_BYTES + 2 * SEALED_BYTES :]


def flipped(data: bytes) -> bytes:
    return data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]


def renamed(data: bytes) -> bytes:
    return data[:20] + bytes([data[20] ^ 1]) + data[21:]


def of_nobody(data: bytes) -> bytes:
    return b"CLF2" + data[4:]


@pytest.mark.parametrize(
    "damage", [cut, cut_short, without_chunks, without_header, swapped, flipped, renamed, of_nobody]
)
async def test_a_file_that_was_altered_is_not_read(files, tmp_path, damage):
    await files.write("7", "ab", chunks(content(3 * CHUNK_BYTES)), LIMIT)
    path = tmp_path / "files/7/ab"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileDamaged):
        await whole(files)
