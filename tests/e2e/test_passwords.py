"""A forgotten password: the operator's command on the running platform or alone, and the code it prints."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import Platform, cozeloop

USERS = "/api/foundation/v1/users"
EMAIL = "ada@example.org"


def code_of(data_dir: Path) -> str:
    printed = cozeloop("users", "reset-code", EMAIL, "--data-dir", data_dir)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def reset(url: str, code: str, password: str) -> int:
    body = {"email": EMAIL, "code": code, "password": password}
    return int(httpx.post(f"{url}/v1/platform/users/reset_password", json=body).json()["code"])


def signs_in(url: str, password: str) -> bool:
    body = {"email": EMAIL, "password": password}
    return bool(httpx.post(f"{url}{USERS}/login_by_password", json=body).json()["code"] == 0)


@pytest.mark.slow
def test_a_code_from_the_command_line_sets_another_password_running_and_alone(tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as platform:
        platform.start().ready()
        httpx.post(f"{platform.url}{USERS}/register", json={"email": EMAIL, "password": "first"})
        code = code_of(platform.data_dir)
        assert reset(platform.url, code, "second") == 0
        assert reset(platform.url, code, "third") == 602002003
        assert (signs_in(platform.url, "first"), signs_in(platform.url, "second")) == (False, True)

        platform.kill()
        alone = code_of(platform.data_dir)
        platform.start().ready()
        assert reset(platform.url, alone, "fourth") == 0
        assert signs_in(platform.url, "fourth")
        assert code not in platform.said
        assert alone not in platform.said

        unknown = cozeloop("users", "reset-code", "eve@example.org", "--data-dir", platform.data_dir)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "nobody has registered with this e-mail" in unknown.stderr
