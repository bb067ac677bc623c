"""The installation key's file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.vault.installation import KEY_FILE, InstallationKey, InstallationKeyUnusable, installation_key


def test_the_key_is_made_once_and_stays(tmp_path: Path) -> None:
    made = installation_key(tmp_path / "data")
    assert installation_key(tmp_path / "data").fingerprint == made.fingerprint
    assert installation_key(tmp_path / "other").fingerprint != made.fingerprint


def test_only_the_owner_may_read_the_file_even_after_a_careless_copy(tmp_path: Path) -> None:
    installation_key(tmp_path)
    path = tmp_path / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    installation_key(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_starts_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starts:
        keys = list(starts.map(lambda _: installation_key(tmp_path).fingerprint, range(32)))
    assert len(set(keys)) == 1
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]


def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(InstallationKeyUnusable, match="backup"):
        installation_key(tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == b"short"


def test_each_purpose_has_a_key_of_its_own_and_none_shows_the_secret() -> None:
    secret = bytes(range(32))
    key = InstallationKey(secret)
    assert key.derive("a") == InstallationKey(secret).derive("a")
    assert len({key.derive("a"), key.derive("b"), secret}) == 3
    assert secret.hex() not in repr(key) + key.fingerprint
