"""L4 on a whole platform: writing stops with a sentence, reading goes on, `verify` names what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.messaging.server import NatsServer
from tests.e2e.processes import Platform, command, until
from tests.integration.conftest import Bench
from tests.integration.proof.damage import flip, publish, rewrite
from tests.integration.proof.people import PROMPTS, Person, events

KEYS = [f"key{i}" for i in range(6)]


@contextmanager
def with_prompts(data: Path) -> Iterator[tuple[Platform, Person]]:
    """A running platform, and somebody who has made a few prompts on it."""
    with Platform(data) as made:
        person = Person(made.start().ready())
        for key in KEYS:
            assert person.prompt(key)["code"] == 0
        yield made, person
        person.http.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Platform, Person]]:
    """One whose log server has not been stopped since: what it keeps beside the log is not written yet."""
    with with_prompts(tmp_path / "data") as made:
        yield made


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, Person]]:
    """One that was stopped."""
    with with_prompts(tmp_path_factory.mktemp("filled") / "data") as (made, person):
        assert made.stop() == 0
        yield made, person


@pytest.fixture
def platform(tmp_path: Path, filled: tuple[Platform, Person]) -> Iterator[Platform]:
    """A copy of the stopped one, at the same address and not started."""
    was, _ = filled
    shutil.copytree(was.data_dir, tmp_path / "data")
    with Platform(tmp_path / "data", was.port) as copy:
        yield copy


@pytest.fixture
def ada(filled: tuple[Platform, Person]) -> Person:
    """Who made the prompts."""
    return filled[1]


def middle(platform: Platform) -> dict[str, Any]:
    """An event with others before and behind it."""
    return next(e for e in events(platform.data_dir) if e["type"] == "PromptCreated" and e["payload"]["name"] == "key2")


def writing_has_stopped(platform: Platform, ada: Person, *words: str) -> None:
    """Health and commands say why and what to do; questions are answered; nothing was written."""
    until(lambda: "cozeloop verify" in platform.health()[1]["msg"], "the loss is noticed", platform)
    status, body = platform.health()
    said = body["msg"]
    assert (status, body["code"]) == (503, 602000703)
    assert all(word in said for word in (*words, "backup")), said
    refused = ada.prompt("late")
    assert refused["code"] == 600500703
    assert said.partition(",")[2] in refused["msg"]
    assert ada.keys() == KEYS


def named_by_verify(platform: Platform, *words: str) -> None:
    """While it runs, and alone."""
    for alone in (False, True):
        if alone:
            assert platform.stop() == 0
        verified = command("verify", "--data-dir", platform.data_dir)
        assert verified.exit_code == 1
        assert verified.stdout.splitlines()[-1] == "the log is NOT what was written"
        assert all(word in verified.stderr for word in words), verified.stderr
        assert "Traceback" not in verified.stderr


def test_a_byte_flipped_while_it_was_stopped_is_a_hole_that_is_named(platform: Platform, ada: Person) -> None:
    position, hash = (middle(platform)[k] for k in ("position", "hash"))
    flip(platform.data_dir / "nats", hash)
    platform.start().answering()
    writing_has_stopped(platform, ada, f"position {position} is missing")
    replayed = command("replay", "prompts", "--data-dir", platform.data_dir)
    assert replayed.exit_code == 1
    assert f"position {position} is missing" in replayed.stderr
    assert ada.keys() == KEYS
    named_by_verify(platform, f"position {position} is missing")


@pytest.mark.kill
def test_a_log_cut_after_a_kill_is_noticed_before_anything_is_written(fresh: tuple[Platform, Person]) -> None:
    platform, ada = fresh
    position, hash = (middle(platform)[k] for k in ("position", "hash"))
    end = len(events(platform.data_dir))
    server = platform.log_server
    flip(platform.data_dir / "nats", hash)
    os.kill(server, signal.SIGKILL)
    platform.kill()
    platform.start().answering()
    gap = f"positions {position} to {end} are gone"
    writing_has_stopped(platform, ada, f"ends at {position - 1}", gap)
    assert len(events(platform.data_dir)) == position - 1
    named_by_verify(platform, f"the log ends at {position - 1}, the anchor stands at {end}")


@pytest.mark.kill
def test_a_log_cut_under_a_running_platform_is_noticed_at_the_reconnect(fresh: tuple[Platform, Person]) -> None:
    platform, ada = fresh
    position, hash = (middle(platform)[k] for k in ("position", "hash"))
    flip(platform.data_dir / "nats", hash)
    os.kill(platform.log_server, signal.SIGKILL)
    writing_has_stopped(platform, ada, f"ends at {position - 1}")
    assert len(events(platform.data_dir)) == position - 1
    platform.check_alive()


def test_a_payload_altered_with_right_checksums_is_named_by_its_hash(platform: Platform, ada: Person) -> None:
    position = int(middle(platform)["position"])
    asyncio.run(rewrite(platform.data_dir / "nats", position))
    platform.start().ready()
    assert ada.keys() == KEYS
    altered = next(p for p in ada.call("POST", *listing(ada))["prompts"] if p["prompt_key"] == "key2")["id"]
    renamed = ada.answer("PUT", f"/api/prompt/v1/prompts/{altered}", {"prompt_name": "other"})
    assert renamed["code"] == 600500702
    assert "cozeloop verify" in renamed["msg"]
    assert ada.prompt("elsewhere")["code"] == 0
    until(lambda: f"position {position}, stream" in platform.said, "the alteration is told", platform)
    named_by_verify(platform, f"position {position}, stream {ada.space}.prompts.{altered}: the content is not what")


@pytest.mark.slow
def test_a_directory_that_was_put_back_to_an_older_state_as_a_whole_goes_on(platform: Platform, ada: Person) -> None:
    """An older anchor beside a newer log is accepted; a newer one beside an older log is not."""
    data = platform.data_dir
    backup = data.with_name("backup")
    shutil.copytree(data, backup)
    platform.start().ready()
    assert ada.prompt("later")["code"] == 0
    until(lambda: len(events(data)) > 0, "the events are there")
    assert platform.stop() == 0

    newer = (data / "anchor.json").read_bytes()
    (data / "anchor.json").write_bytes((backup / "anchor.json").read_bytes())
    platform.start().ready()
    assert ada.keys() == sorted([*KEYS, "later"])
    assert platform.stop() == 0

    shutil.rmtree(data)
    shutil.copytree(backup, data)
    (data / "anchor.json").write_bytes(newer)
    platform.start().answering()
    writing_has_stopped(platform, ada, "the anchor file stands at")
    assert platform.stop() == 0

    shutil.rmtree(data)
    shutil.copytree(backup, data)
    platform.start().ready()
    assert ada.keys() == KEYS
    assert ada.prompt("later")["code"] == 0
    assert command("verify", "--data-dir", data).exit_code == 0


def test_an_anchor_with_another_signature_refuses_the_start_in_a_sentence(platform: Platform, ada: Person) -> None:
    path: Path = platform.data_dir / "anchor.json"
    path.write_text(path.read_text().replace('"count": ', '"count": 1'))
    platform.start()
    assert platform.wait() == 1
    assert platform.said.splitlines()[-1].startswith("cozeloop: anchor.json was altered: its signature does not fit")
    verified = command("verify", "--data-dir", platform.data_dir)
    assert (verified.exit_code, "signature" in verified.stderr) == (1, True)


def test_a_log_without_its_vault_is_not_started(platform: Platform, ada: Person) -> None:
    vault = platform.data_dir / "vault.db"
    vault.rename(vault.with_name("elsewhere"))
    platform.start()
    assert platform.wait() == 1
    assert platform.said.splitlines()[-1].startswith("cozeloop: the log holds events, but the vault is empty")
    for made in platform.data_dir.glob("vault.db*"):
        made.unlink()
    vault.with_name("elsewhere").rename(vault)
    platform.start().ready()
    assert ada.keys() == KEYS


@pytest.mark.slow
def test_the_vault_of_another_log_stops_writing(platform: Platform, ada: Person, tmp_path: Path) -> None:
    """Its keys do not open what lies in the log; the read models are gone, so that it has to be read."""
    with Platform(tmp_path / "other") as other:
        Person(other.start().ready())
        other.stop()
        vault = other.data_dir / "vault.db"
        shutil.copy(other.data_dir / "installation.key", platform.data_dir)
    shutil.copy(vault, platform.data_dir)
    (platform.data_dir / "anchor.json").unlink()
    for read in platform.data_dir.glob("read.db*"):
        read.unlink()
    platform.start().answering()
    until(lambda: "is not in the vault" in platform.health()[1]["msg"], "it is noticed", platform)
    assert "is this the vault that belongs to the log" in platform.health()[1]["msg"]


@pytest.mark.slow
def test_a_missing_object_refuses_its_stream_and_comes_back_with_the_file(platform: Platform, ada: Person) -> None:
    platform.start().ready()
    body = {"workspace_id": ada.space, "prompt_key": "large", "prompt_name": "large"}
    prompt = f"/api/prompt/v1/prompts/{ada.call('POST', PROMPTS, body)['prompt_id']}"
    messages = [{"role": "user", "content": "long" * 40_000}]
    detail = {"prompt_template": {"template_type": "normal", "messages": messages}}
    ada.call("POST", f"{prompt}/drafts/save", {"prompt_draft": {"draft_info": {}, "detail": detail}})
    ada.call("POST", f"{prompt}/drafts/commit", {"commit_version": "0.0.1"})
    assert platform.stop() == 0
    [large] = [p for p in (platform.data_dir / "objects").rglob("*") if p.is_file()]
    content = large.read_bytes()
    large.unlink()
    platform.start().ready()
    gone = command("verify", "--data-dir", platform.data_dir)
    assert gone.exit_code == 1 and f"object sealed/{ada.space}/{large.name} of field detail is gone" in gone.stderr
    assert ada.answer("PUT", prompt, {"prompt_name": "other"})["code"] == 600500702
    assert "object" in platform.said and "is gone" in platform.said
    assert ada.prompt("elsewhere")["code"] == 0
    large.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    altered = command("verify", "--data-dir", platform.data_dir)
    assert altered.exit_code == 1 and "was altered" in altered.stderr
    large.write_bytes(content)
    large.with_name("0" * 32).write_bytes(content)
    whole = command("verify", "--data-dir", platform.data_dir)
    assert whole.exit_code == 0 and f"orphan: sealed/{ada.space}/{'0' * 32}" in whole.stderr
    assert "1 objects are named by events, 1 by none" in whole.stdout
    assert ada.answer("PUT", prompt, {"prompt_name": "other"})["code"] == 0


def test_an_anchor_that_cannot_be_read_is_told_and_may_be_removed(platform: Platform, ada: Person) -> None:
    anchor = platform.data_dir / "anchor.json"
    anchor.write_bytes(b"")
    platform.start()
    assert platform.wait() == 1
    assert "may be removed" in platform.said.splitlines()[-1]
    anchor.unlink()
    platform.start().ready()
    assert ada.keys() == KEYS
    assert command("verify", "--data-dir", platform.data_dir).exit_code == 0


def test_another_log_under_the_read_models_is_refused(platform: Platform, ada: Person) -> None:
    shutil.rmtree(platform.data_dir / "nats")
    platform.start()
    assert platform.wait() == 1
    assert "this is log" in platform.said.splitlines()[-1]
    assert "backup" in platform.said.splitlines()[-1]
    verified = command("verify", "--data-dir", platform.data_dir)
    assert verified.exit_code == 1
    assert "the anchor is of log" in verified.stderr


def listing(ada: Person) -> tuple[str, dict[str, Any]]:
    """The question for the space's prompts."""
    return "/api/prompt/v1/prompts/list", {"workspace_id": ada.space, "page_num": 1, "page_size": 100}


def test_verify_names_an_altered_batch_of_spans_and_the_log_stays_whole(platform: Platform) -> None:
    async def strange() -> None:
        async with NatsServer(platform.data_dir / "nats") as server:
            nc = await Bench(server).connect()
            await publish(nc, "spans.70", b"not what was sent", {})
            await nc.close()

    asyncio.run(strange())
    verified = command("verify", "--data-dir", platform.data_dir)
    assert verified.exit_code == 1
    assert "problem: position 1 of SPANS" in verified.stderr
    assert verified.stdout.splitlines()[-1] == "the log is whole"
    assert "not all spans can be read" in verified.stdout
