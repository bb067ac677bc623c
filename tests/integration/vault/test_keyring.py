"""Data keys: durable before use, the same ever after, gone when destroyed."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select

from infra.sql.database import Database
from infra.vault.destroyed import DestroyedKeys, DestroyedKeysUnreadable
from infra.vault.installation import InstallationKey, InstallationKeyUnusable, installation_key
from infra.vault.keys import KeyDestroyed, KeyMissing, SpaceKey
from infra.vault.vault import Vault, open_vault


async def reopened(vault: Vault, tmp_path) -> Vault:
    return await open_vault(vault.database, installation_key(tmp_path), vault.now)


async def test_a_space_without_a_key_can_seal_nothing(vault: Vault) -> None:
    with pytest.raises(KeyMissing):
        await vault.keys.of("7")
    assert vault.keys.current("7") is None


async def test_what_was_sealed_opens_after_a_restart(vault: Vault, tmp_path) -> None:
    await vault.keys.create("7")
    nonce, sealed = (await vault.keys.of("7")).seal(b"text", b"where")
    again = await reopened(vault, tmp_path)
    key = await again.keys.by_id("7.1")
    assert key is not None and key.open(nonce, sealed, b"where") == b"text"


async def test_creating_a_key_again_changes_nothing(vault: Vault) -> None:
    await vault.keys.create("7")
    digest = await vault.keys.digest("7", "name")
    await vault.keys.create("7")
    vault.keys._current.clear()
    assert await vault.keys.digest("7", "name") == digest


async def test_a_key_once_read_is_at_hand_without_a_query(vault: Vault) -> None:
    await vault.keys.create("7")
    key = await vault.keys.of("7")
    assert vault.keys.current("7") is key
    assert vault.keys.cached("7.1") is key


async def test_each_space_digests_a_name_differently(vault: Vault) -> None:
    await vault.keys.create("7")
    await vault.keys.create("8")
    digests = {await vault.keys.digest(space, "name") for space in ("7", "8", "_")}
    assert len(digests) == 3
    assert all(len(d) == 32 for d in digests)


async def test_the_global_key_is_there_from_the_start_and_after_a_restart(vault: Vault, tmp_path) -> None:
    digest = await vault.keys.digest("_", "ada@example.org")
    again = await reopened(vault, tmp_path)
    assert await again.keys.digest("_", "ada@example.org") == digest
    assert again.keys.cached("_.1") is again.keys.current("_")


async def test_a_destroyed_key_is_gone_for_ever(vault: Vault, tmp_path) -> None:
    await vault.keys.create("7")
    await vault.keys.create("70")
    await vault.keys.of("7")
    await vault.keys.of("70")
    await vault.keys.destroy("7")
    await vault.keys.create("7")
    for keys in (vault.keys, (await reopened(vault, tmp_path)).keys):
        assert await keys.by_id("7.1") is None
        with pytest.raises(KeyMissing):
            await keys.of("7")
        assert await keys.by_id("70.1") is not None


async def test_a_key_that_the_vault_never_held_is_not_taken_for_a_destroyed_one(vault: Vault) -> None:
    with pytest.raises(KeyMissing, match="vault"):
        await vault.keys.by_id("9.1")


async def test_more_keys_than_the_cache_holds_are_found_all_the_same(vault: Vault) -> None:
    vault.keys._size = 2
    for space in "12345":
        await vault.keys.create(space)
    digests = [await vault.keys.digest(space, "x") for space in "12345"]
    assert [await vault.keys.digest(space, "x") for space in "12345"] == digests
    assert len(vault.keys._open) <= 2


async def test_another_installation_key_is_noticed_at_once(vault: Vault, database: Database) -> None:
    with pytest.raises(InstallationKeyUnusable, match="backup"):
        await open_vault(database, InstallationKey(b"x" * 32), vault.now)


async def test_no_data_key_lies_unwrapped(vault: Vault) -> None:
    await vault.keys.create("7")
    key = await vault.keys.of("7")
    nonce, sealed = key.seal(b"text", b"")
    stored = await vault.database.read(lambda conn: conn.execute(select(vault.tables.data_keys)).mappings().one())
    raw = b64decode(stored["wrapped"])
    for start in range(len(raw) - 31):
        with pytest.raises(InvalidTag):
            SpaceKey("7.1", raw[start : start + 32]).open(nonce, sealed, b"")


async def test_a_destroyed_key_s_bytes_are_not_in_the_vault(vault: Vault, tmp_path) -> None:
    await vault.keys.create("7")
    wrapped = await vault.database.read(lambda conn: conn.scalar(select(vault.tables.data_keys.c.wrapped)))
    assert await vault.keys.destroy("7") == ["7.1"]
    await vault.scrub()
    for file in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert wrapped.encode() not in file.read_bytes()
    with pytest.raises(KeyDestroyed):
        await vault.keys.of("7")


async def test_a_key_that_the_list_names_is_ended_when_the_vault_is_opened(vault: Vault, tmp_path) -> None:
    """A vault from a backup is older than the destruction; the list beside the installation key is not."""
    listed = DestroyedKeys(tmp_path / "destroyed.keys", b"k" * 32)
    await vault.keys.create("7")
    await vault.keys.create("8")
    listed.add({"7.1": 1})
    again = await open_vault(vault.database, installation_key(tmp_path), vault.now, listed)
    assert await again.keys.by_id("7.1") is None
    assert await again.keys.by_id("8.1") is not None
    await again.keys.destroy("8")
    assert listed.load().keys() == {"7.1", "8.1"}
    listed.path.unlink()
    await open_vault(vault.database, installation_key(tmp_path), vault.now, listed)
    assert listed.load().keys() == {"7.1", "8.1"}, "what the vault knows is written down again"


def test_a_list_of_destroyed_keys_that_was_altered_is_refused(tmp_path) -> None:
    listed = DestroyedKeys(tmp_path / "destroyed.keys", b"k" * 32)
    assert listed.load() == {}
    listed.add({"7.1": 1, "8.1": 2})
    listed.add({"8.1": 5, "9.1": 3})
    assert listed.load() == {"7.1": 1, "8.1": 2, "9.1": 3}
    assert listed.path.stat().st_mode & 0o777 == 0o600
    text = listed.path.read_text()
    first, second, third = text.splitlines(keepends=True)
    for altered in (first.replace("7.1", "6.1") + second + third, first + third, text + "x\n", second + first + third):
        listed.path.write_text(altered)
        with pytest.raises(DestroyedKeysUnreadable, match="altered"):
            listed.load()
    with pytest.raises(DestroyedKeysUnreadable):
        DestroyedKeys(listed.path, b"x" * 32).load()
