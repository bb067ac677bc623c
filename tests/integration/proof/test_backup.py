"""L5, P2: what is backed up comes back byte for byte, what was destroyed does not, and old positions are noticed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest

from infra.eventstore.anchor import ANCHOR_FILE, PURPOSE, AnchorFile
from infra.vault.installation import installation_key
from tests.e2e.callers import PROMPTS, detail
from tests.e2e.endpoints import Call, declared
from tests.e2e.processes import Platform, command, until
from tests.e2e.tenants import Owner
from tests.integration.proof.test_canaries import files_of, found
from tests.integration.proof.test_erasing import content, destroy, large, refused


def pages(url: str, owner: Owner, calls: list[Call]) -> dict[str, bytes]:
    """Everything that the owner reads of the space, as bytes."""
    ids = {**owner.ids, "workspace_id": owner.caller.space}
    read: dict[str, bytes] = {}
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {owner.caller.token}"}) as http:
        login = {"email": owner.caller.email, "password": owner.caller.password}
        assert http.post("/api/foundation/v1/users/login_by_password", json=login).json()["code"] == 0
        for call in calls:
            if call.reads and not call.open and not call.path.startswith(("/api/auth", "/v1/platform")):
                read[str(call)] = call.send(http, ids).content
    assert sum(found(content(owner), page) != set() for page in read.values()) > 5, "the pages hold what was typed"
    return read


def done(*arguments: str | Path) -> str:
    """What a command printed that went well."""
    result = command(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def digest(data: Path) -> str:
    """The digest over the whole log."""
    told = re.search(r"digest ([0-9a-f]{16})", done("verify", "--data-dir", data))
    assert told is not None
    return told[1]


def keys_of(data: Path, folder: Path) -> Path:
    """The copy that an operator keeps apart from backups."""
    folder.mkdir()
    for name in ("installation.key", "destroyed.keys"):
        shutil.copy(data / name, folder)
    return folder


@pytest.mark.parametrize("form", [pytest.param("backup", marks=pytest.mark.slow), "backup.zip"])
def test_a_running_platform_is_backed_up_and_comes_back_byte_for_byte(
    platform: Platform, tmp_path: Path, form: str
) -> None:
    owner = Owner.settle(platform.url)
    large(owner)
    calls = declared(platform.url)
    before, whole = pages(platform.url, owner, calls), digest(platform.data_dir)
    told = done("backup", tmp_path / form, "--data-dir", platform.data_dir)
    assert f"digest {whole}" in told and "installation.key" in told
    again = command("backup", tmp_path / form, "--data-dir", platform.data_dir)
    assert again.exit_code == 1 and "not empty" in again.stderr
    later = owner.caller.call(
        "POST", PROMPTS, {"workspace_id": owner.caller.space, "prompt_key": "l", "prompt_name": "l"}
    )
    kept = files_of(tmp_path / form) if form == "backup" else {form: (tmp_path / form).read_bytes()}
    secrets = {"key": (platform.data_dir / "installation.key").read_bytes().hex()}
    assert not [name for name, text in kept.items() if found(content(owner), text) or found(secrets, text)]
    position = int(platform.health()[1]["log_position"].removeprefix("events:"))
    keys = keys_of(platform.data_dir, tmp_path / "keys")

    restored = tmp_path / "restored"
    refusing = command("restore", tmp_path / form, "--data-dir", platform.data_dir, "--keys", keys)
    assert refusing.exit_code == 1 and "not empty" in refusing.stderr
    in_use = command("restore", tmp_path / form, "--data-dir", platform.data_dir, "--replace")
    assert in_use.exit_code == 1 and "in use" in in_use.stderr
    assert f"digest {whole}" in done("restore", tmp_path / form, "--data-dir", restored, "--keys", keys)
    assert not list(tmp_path.glob(".*")), "nothing is left beside"
    anchor = AnchorFile(restored / ANCHOR_FILE, installation_key(restored).derive(PURPOSE)).anchor
    assert anchor.digest.startswith(whole), "the restored log has a witness from its beginning"
    assert digest(restored) == whole

    with Platform(restored) as beside:
        beside.start().ready()
        assert pages(beside.url, owner, calls) == before
        end = beside.health()[1]["log_position"]
        assert re.fullmatch(r"events-[0-9a-f]{8}:\d+", end)
        assert int(end.partition(":")[2]) < position
        asked = {"authorization": f"Bearer {owner.caller.token}"}
        body = {"workspace_id": owner.caller.space, "queries": [{"prompt_key": owner.ids["prompt_key"]}]}
        for sent in (f"events:{position}", "events:1", "1"):
            old = httpx.post(
                f"{beside.url}/v1/loop/prompts/mget", params={"min_position": sent}, headers=asked, json=body
            ).json()
            assert old["code"] == 602000202 and "of a log before this one" in old["msg"], sent
        own = httpx.post(f"{beside.url}/v1/loop/prompts/mget", params={"min_position": end}, headers=asked, json=body)
        assert own.json()["code"] == 0 and str(later["prompt_id"]) not in own.text
        assert beside.stop() == 0


@pytest.mark.slow
def test_an_anchor_or_read_database_of_before_is_refused_on_a_restored_log(platform: Platform, tmp_path: Path) -> None:
    Owner.settle(platform.url)
    assert platform.stop() == 0
    done("backup", tmp_path / "b.zip", "--data-dir", platform.data_dir)
    said = done("restore", tmp_path / "b.zip", "--data-dir", platform.data_dir, "--replace")
    [aside] = tmp_path.glob("data.before-*")
    assert str(aside) in said
    data = platform.data_dir
    shutil.copy(aside / "anchor.json", data)
    platform.start().answering()
    until(lambda: "this is log" in str(platform.health()[1].get("msg")), "the anchor is noticed", platform)
    assert platform.stop() == 0
    (data / "anchor.json").unlink()
    for file in data.glob("read.db*"):
        file.unlink()
    shutil.copy(aside / "read.db", data)
    platform.start()
    assert platform.wait() == 1
    assert "this is log" in platform.said.splitlines()[-1]
    (data / "read.db").unlink()
    platform.start().ready()


@pytest.mark.slow
def test_a_destroyed_key_does_not_come_back_with_a_backup_that_is_older(platform: Platform, tmp_path: Path) -> None:
    owner = Owner.settle(platform.url)
    calls = declared(platform.url)
    done("backup", tmp_path / "older", "--data-dir", platform.data_dir)
    destroy(platform, owner)
    keys = keys_of(platform.data_dir, tmp_path / "keys")
    restored = tmp_path / "restored"

    (keys / "destroyed.keys").rename(keys / "elsewhere")
    unknown = command("restore", tmp_path / "older", "--data-dir", restored, "--keys", keys)
    assert unknown.exit_code == 1 and "could come back" in unknown.stderr
    assert not restored.exists()
    (keys / "elsewhere").rename(keys / "destroyed.keys")

    done("restore", tmp_path / "older", "--data-dir", restored, "--keys", keys)
    assert {name for name, text in files_of(restored).items() if found(content(owner), text)} == set()
    assert platform.stop() == 0
    with Platform(restored, platform.port) as beside:
        beside.start().ready()
        login = {"email": owner.caller.email, "password": owner.caller.password}
        owner.caller.call("POST", "/api/foundation/v1/users/login_by_password", login)
        refused(beside, owner, calls)
        done("verify", "--data-dir", restored)
        assert {name for name, text in files_of(restored).items() if found(content(owner), text)} == set()


@pytest.mark.slow
def test_a_backup_that_is_not_what_was_written_is_refused_and_nothing_is_switched(
    platform: Platform, tmp_path: Path
) -> None:
    Owner.settle(platform.url)
    assert platform.stop() == 0
    backup, restored, data = tmp_path / "backup", tmp_path / "restored", platform.data_dir
    done("backup", backup, "--data-dir", data)
    for name in ("streams/EVENTS", "vault/people", "manifest.json"):
        path = backup / name
        whole = path.read_bytes()
        for broken in (whole[:-40], whole.replace(b"1", b"2", 3) if name != "streams/EVENTS" else whole[:50], None):
            path.unlink()
            if broken is not None:
                path.write_bytes(broken)
            refusal = command("restore", backup, "--data-dir", restored, "--keys", data)
            assert refusal.exit_code == 1, f"{name} {broken and broken[:20]!r}"
            assert "Traceback" not in refusal.stderr
            assert not restored.exists()
        path.write_bytes(whole)
    other = keys_of(data, tmp_path / "other")
    (other / "installation.key").write_bytes(b"x" * 32)
    foreign = command("restore", backup, "--data-dir", restored, "--keys", other)
    assert foreign.exit_code == 1 and "another installation key" in foreign.stderr
    nothing = command("restore", tmp_path / "nothing", "--data-dir", restored, "--keys", data)
    assert nothing.exit_code == 1 and "no backup" in nothing.stderr
    unknown = command("restore", backup, "--data-dir", restored)
    assert unknown.exit_code == 1 and "--keys" in unknown.stderr
    assert {p.name for p in tmp_path.iterdir()} <= {"data", "data.stderr", "backup", "other"}
    done("restore", backup, "--data-dir", restored, "--keys", data)


@pytest.mark.slow
def test_with_its_key_a_backup_is_all_that_a_restore_needs_but_the_list(platform: Platform, tmp_path: Path) -> None:
    owner = Owner.settle(platform.url)
    code = done("users", "reset-code", owner.caller.email, "--data-dir", platform.data_dir).splitlines()[0]
    done("backup", tmp_path / "b", "--with-installation-key", "--data-dir", platform.data_dir)
    kept = {path.name for path in (tmp_path / "b" / "vault").iterdir()}
    assert "people" in kept and not kept & {"sessions", "reset_codes"}, "neither is of any use to who finds it"
    secret = (platform.data_dir / "installation.key").read_bytes()
    assert (tmp_path / "b" / "installation.key").read_bytes() == secret
    done("restore", tmp_path / "b", "--data-dir", tmp_path / "r", "--without-destroyed-keys")
    assert (tmp_path / "r" / "installation.key").stat().st_mode & 0o777 == 0o600
    done("verify", "--data-dir", tmp_path / "r")
    assert platform.stop() == 0
    with Platform(tmp_path / "r", platform.port) as again:
        again.start().ready()
        body = {"email": owner.caller.email, "code": code, "password": "another password"}
        answer = httpx.post(f"{again.url}/v1/platform/users/reset_password", json=body).json()
        assert answer["code"] == 602002003, "a restored platform has no codes"


@pytest.mark.slow
def test_a_backup_is_restored_to_an_earlier_position(platform: Platform, tmp_path: Path) -> None:
    owner, gone = Owner.settle(platform.url), Owner.settle(platform.url)
    destroy(platform, gone)
    path = f"{PROMPTS}/{owner.ids['prompt_id']}"
    before = owner.caller.call("GET", path, with_draft="true", with_commit="true")["prompt"]
    position = int(platform.health()[1]["log_position"].removeprefix("events:"))
    owner.trace()
    owner.caller.call("POST", f"{path}/drafts/save", {"prompt_draft": {"draft_info": {}, "detail": detail("newer")}})
    commit = {"commit_version": "9.0.0", "commit_description": "newer"}
    owner.caller.call("POST", f"{path}/drafts/commit", commit)
    owner.caller.new_token(name="later")
    done("backup", tmp_path / "b", "--data-dir", platform.data_dir)
    keys = keys_of(platform.data_dir, tmp_path / "keys")

    restored = tmp_path / "restored"
    both = command("restore", tmp_path / "b", "--data-dir", restored, "--position", "3", "--time", "2026-01-01")
    assert both.exit_code == 2 and "not both" in both.stderr
    far = command("restore", tmp_path / "b", "--data-dir", restored, "--keys", keys, "--position", "100000")
    assert far.exit_code == 1 and "beyond the log's end" in far.stderr and not restored.exists()
    told = done("restore", tmp_path / "b", "--data-dir", restored, "--keys", keys, "--position", str(position))
    assert f"cut behind {position}: 2 events" in told and "1 batches of spans" in told

    assert platform.stop() == 0
    with Platform(restored, platform.port) as again:
        again.start().ready()
        end = again.health()[1]["log_position"]
        assert re.fullmatch(rf"events-[0-9a-f]{{8}}:{position}", end)
        for person in (owner, gone):
            login = {"email": person.caller.email, "password": person.caller.password}
            person.caller.call("POST", "/api/foundation/v1/users/login_by_password", login)
        assert owner.caller.call("GET", path, with_draft="true", with_commit="true")["prompt"] == before
        owner.caller.call("POST", f"{path}/drafts/commit", commit)
        refused(again, gone, declared(again.url))
        body = {"workspace_id": owner.caller.space, "queries": [{"prompt_key": owner.ids["prompt_key"]}]}
        asked = {"authorization": f"Bearer {owner.caller.token}"}
        old = httpx.post(
            f"{again.url}/v1/loop/prompts/mget", params={"min_position": f"events:{position}"}, headers=asked, json=body
        )
        assert old.json()["code"] == 602000202
        assert again.stop() == 0
    done("verify", "--data-dir", restored)
