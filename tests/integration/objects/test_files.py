import pytest

from infra.objects import FileObjects


async def test_an_object_is_read_back_whole_and_an_absent_one_is_none(tmp_path):
    objects = FileObjects(tmp_path)
    await objects.put("sealed/7/ab", b"x" * 100_000)
    assert await objects.get("sealed/7/ab") == b"x" * 100_000
    assert await objects.get("sealed/7/cd") is None


async def test_an_object_that_exists_stays_as_it_is_and_nothing_is_left_beside(tmp_path):
    objects = FileObjects(tmp_path)
    await objects.put("sealed/7/ab", b"first")
    await objects.put("sealed/7/ab", b"second")
    assert await objects.get("sealed/7/ab") == b"first"
    assert [p.name for p in (tmp_path / "sealed/7").iterdir()] == ["ab"]


@pytest.mark.parametrize("name", ["", "x", "../x/y", "a/../../b", "/etc/passwd", "a/b\0", "a//b", "a/.."])
async def test_a_name_that_leaves_the_directory_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="object name"):
        await FileObjects(tmp_path / "objects").put(name, b"")
    assert list(tmp_path.iterdir()) == []
