"""P1: after a space's key is destroyed its content is nowhere, and nothing else has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.callers import PROMPTS, detail
from tests.e2e.endpoints import Call, declared
from tests.e2e.processes import Platform, command
from tests.e2e.tenants import Owner, digest_of
from tests.integration.proof.test_canaries import files_of, found

ERASED = "this workspace was erased"
KEPT = ("token",)
"""What belongs to a person and not to their space."""


def content(owner: Owner) -> dict[str, str]:
    """Every text that was typed in the space."""
    return {word: word for word in owner.canaries if word.split("-")[1] not in KEPT}


def large(owner: Owner) -> None:
    """A text that is too long for an event, and one that was never committed."""
    for text in (owner.text("large") * 4000, owner.text("unsaved")):
        draft = {"draft_info": {"base_version": "1.0.0"}, "detail": detail(text)}
        path = f"{PROMPTS}/{owner.ids['prompt_id']}/drafts"
        owner.caller.call("POST", f"{path}/save", {"prompt_draft": draft})
        if text.startswith("canary-large"):
            owner.caller.call("POST", f"{path}/commit", {"commit_version": "2.0.0", "commit_description": "large"})


def with_objects(data: Path) -> set[str]:
    """The spaces that have large values or uploaded files."""
    return {name.split("/")[1] for name in files_of(data / "objects")}


def destroy(platform: Platform, owner: Owner) -> None:
    """The operator's command; what it says."""
    done = command("spaces", "destroy-key", owner.caller.space, "--yes", "--data-dir", platform.data_dir)
    assert done.exit_code == 0, done.stderr
    assert "keys destroyed: 1" in done.stdout and "is erased" in done.stdout


def nowhere(data: Path, owner: Owner) -> None:
    """No file holds a text of the space; the search finds texts of others."""
    assert {name: hits for name, text in files_of(data).items() if (hits := found(content(owner), text))} == {}


def refused(platform: Platform, owner: Owner, calls: list[Call]) -> None:
    """Everything that needs the space is refused in a sentence, and nothing of it is told."""
    ids = {**owner.ids, "workspace_id": owner.caller.space}
    told = []
    for call in calls:
        if not call.open and not call.path.startswith(("/api/auth", "/v1/platform", "/api/foundation")):
            answer = call.send(owner.caller.http, ids)
            assert not found(content(owner), answer.content), call
            assert "log id" not in answer.text, f"{call}: {answer.text}"
            told.append(ERASED in answer.text)
    assert sum(told) > len(told) / 2, "most of them name the reason"
    listed = owner.caller.call("POST", "/api/foundation/v1/spaces/list", {})
    assert not listed.get("spaces")
    shown = command("events", "list", "--json", "--limit", "100000", "--data-dir", platform.data_dir)
    assert shown.exit_code == 0 and not found(content(owner), shown.stdout.encode())


@pytest.mark.slow
def test_a_space_whose_key_is_destroyed_is_nowhere_and_others_are_untouched(tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as platform:
        url = platform.start().ready().url
        gone, kept = Owner.settle(url), Owner.settle(url)
        for owner in (gone, kept):
            large(owner)
        calls = declared(url)
        before = digest_of(kept, calls)
        data = platform.data_dir
        rows = b"".join(files_of(data, "read.db", "read.db-wal").values())
        assert found(content(gone), rows), "the search finds what is there"
        assert with_objects(data) == {gone.caller.space, kept.caller.space}

        unsure = command("spaces", "destroy-key", gone.caller.space, "--data-dir", data)
        assert unsure.exit_code == 1 and "--yes" in unsure.stderr
        unknown = command("spaces", "destroy-key", "424242", "--yes", "--data-dir", data)
        assert unknown.exit_code == 1 and "does not exist" in unknown.stderr
        assert (
            digest_of(kept, calls) == before and not gone.caller.call("POST", f"{PROMPTS}/list", listing(gone))["code"]
        )

        destroy(platform, gone)
        nowhere(data, gone)
        refused(platform, gone, calls)
        assert digest_of(kept, calls) == before
        assert with_objects(data) == {kept.caller.space}
        again = command("spaces", "destroy-key", gone.caller.space, "--yes", "--data-dir", data)
        assert again.exit_code == 0, again.stderr

        assert command("verify", "--data-dir", data).exit_code == 0
        assert command("replay", "--all", "--data-dir", data).exit_code == 0
        assert digest_of(kept, calls) == before
        nowhere(data, gone)

        assert platform.stop() == 0
        nowhere(data, gone)
        platform.start().ready()
        refused(platform, gone, calls)
        assert digest_of(kept, calls) == before
        assert command("verify", "--data-dir", data).exit_code == 0


@pytest.mark.slow
def test_a_space_is_erased_while_the_platform_is_stopped(platform: Platform) -> None:
    owner = Owner.settle(platform.url)
    calls = declared(platform.url)
    assert platform.stop() == 0
    destroy(platform, owner)
    nowhere(platform.data_dir, owner)
    platform.start().ready()
    refused(platform, owner, calls)
    assert command("verify", "--data-dir", platform.data_dir).exit_code == 0


@pytest.mark.slow
def test_a_vault_that_was_put_back_does_not_bring_the_key_back(platform: Platform) -> None:
    """P2: the list of destroyed keys is outside of the vault, and so is the log's own word."""
    owner = Owner.settle(platform.url)
    calls = declared(platform.url)
    assert platform.stop() == 0
    vault = platform.data_dir / "vault.db"
    older = vault.read_bytes()
    listed = platform.data_dir / "destroyed.keys"
    destroy(platform, owner)
    for missing in (None, listed):
        if missing is not None:
            missing.unlink()
        vault.write_bytes(older)
        platform.start().ready()
        refused(platform, owner, calls)
        assert platform.stop() == 0
        assert owner.caller.space in listed.read_text()
        nowhere(platform.data_dir, owner)


def listing(owner: Owner) -> dict[str, object]:
    """The question for the space's prompts."""
    return {"workspace_id": owner.caller.space, "page_num": 1, "page_size": 20}
