"""Starting, stopping and breaking a platform that runs in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cozeloop.demo.tour import Tour
from tests.e2e.models import Endpoint, Gate, catalogue_of
from tests.e2e.processes import Platform, alive, command, cozeloop, free_port, until

PROMPTS = "/api/prompt/v1/prompts"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as made:
        yield made


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A running platform on which somebody has made two prompts."""
    with Platform(tmp_path_factory.mktemp("filled") / "data") as made:
        tour = Tour(made.start().ready().url)
        tour.register()
        for key in ("first", "second"):
            create(tour, key)
        yield made


def create(tour: Tour, key: str, **headers: str) -> str:
    body = {"workspace_id": tour.space, "prompt_key": key, "prompt_name": key}
    return str(tour.call("POST", PROMPTS, body)["prompt_id"])


def keys(tour: Tour) -> set[str]:
    body = {"workspace_id": tour.space, "page_num": 1, "page_size": 100}
    return {p["prompt_key"] for p in tour.call("POST", f"{PROMPTS}/list", body).get("prompts", [])}


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def refused_in_a_sentence(platform: Platform, *words: str) -> None:
    assert platform.wait() == 1
    last = platform.said.splitlines()[-1]
    assert last.startswith("cozeloop: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in platform.said


# Starting


def test_ping_answers_while_the_rest_starts_and_requests_wait_for_it(platform: Platform) -> None:
    platform.data_dir.mkdir()
    with sqlite3.connect(platform.data_dir / "vault.db", isolation_level=None) as vault:
        vault.execute("pragma journal_mode=wal")
        vault.execute("begin exclusive")
        platform.start().answering()
        until(lambda: "the vault" in platform.health()[1]["msg"], "the vault is waited for", platform)
        status, body = platform.health()
        assert (status, body["code"]) == (503, 602000703)
        with ThreadPoolExecutor() as threads:
            waits = threads.submit(platform.http.get, "/api/foundation/v1/users/session")
            assert not waits.done()
            vault.execute("rollback")
            assert waits.result().json()["code"] == 602000702
    assert platform.health()[0] == 200


def test_a_request_that_waited_in_vain_is_told_so(tmp_path: Path) -> None:
    with Platform(tmp_path / "data", COZELOOP_READY_WAIT_SECONDS="0.2") as platform:
        platform.data_dir.mkdir()
        with sqlite3.connect(platform.data_dir / "vault.db", isolation_level=None) as vault:
            vault.execute("pragma journal_mode=wal")
            vault.execute("begin exclusive")
            platform.start().answering()
            answer = platform.http.get(f"{PROMPTS}/1").json()
            assert answer["code"] == 600500703
            vault.execute("rollback")


def test_a_second_start_on_the_same_directory_is_refused_in_a_sentence(filled: Platform) -> None:
    second = cozeloop("up", "--data-dir", filled.data_dir, "--port", str(free_port()))
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1] == (
        f"cozeloop: the data directory {filled.data_dir} is in use by process {filled.pid}: stop that one first"
    )
    assert filled.health()[0] == 200


def test_a_port_in_use_is_said_and_nothing_is_left_behind(platform: Platform) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", platform.port))
        taken.listen()
        platform.start()
        refused_in_a_sentence(platform, str(platform.port), "--port")
    assert not (platform.data_dir / "run.json").exists()
    assert not (platform.data_dir / "nats").exists()
    platform.start().ready()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("models: [", "YAML", marks=pytest.mark.slow),
        pytest.param("models: 3", "models", marks=pytest.mark.slow),
        ("models: [{id: 1, name: n, protocol: openai}]", "models[0]"),
    ],
)
def test_an_unusable_model_config_ends_the_start_in_a_sentence(tmp_path: Path, text: str, word: str) -> None:
    config = tmp_path / "model_config.yaml"
    config.write_text(text)
    with Platform(tmp_path / "data", COZELOOP_MODEL_CONFIG=str(config)) as platform:
        refused_in_a_sentence(platform.start(), "model_config.yaml", word)


def test_a_setting_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    with Platform(tmp_path / "data", COZELOOP_WORKER_SLOTS="many") as platform:
        refused_in_a_sentence(platform.start(), "COZELOOP_WORKER_SLOTS")


@pytest.mark.parametrize("damage", [b"", b"short"])
def test_a_damaged_installation_key_is_named(tmp_path: Path, damage: bytes) -> None:
    with Platform(tmp_path / "data") as platform:
        platform.data_dir.mkdir()
        (platform.data_dir / "installation.key").write_bytes(damage)
        refused_in_a_sentence(platform.start(), "installation.key", "backup")


@pytest.mark.parametrize(
    "arguments", [["up", "--prot", "1"], ["up", "--port", "x"], ["up", "--port", "99999"], ["events"], ["nonsense"]]
)
def test_a_command_that_cannot_be_read_shows_its_usage(arguments: list[str]) -> None:
    asked = command(*arguments)
    assert asked.exit_code == 2
    assert "Usage:" in asked.stderr + asked.stdout


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_with_status_zero(platform: Platform, number: int) -> None:
    platform.start().ready()
    child = platform.log_server
    assert child
    run = platform.data_dir / "run.json"
    assert run.stat().st_mode & 0o777 == 0o600
    assert json.loads(run.read_text())["url"] == platform.url
    assert platform.stop(number) == 0
    assert not alive(child)
    assert not run.exists()
    assert "Traceback" not in platform.said


def test_a_signal_during_the_start_ends_it_too(platform: Platform) -> None:
    platform.start().answering()
    assert platform.stop() == 0
    assert "Traceback" not in platform.said
    assert cozeloop("verify", "--data-dir", platform.data_dir).returncode == 0


def test_an_impatient_second_signal_leaves_nothing_behind_either(platform: Platform) -> None:
    platform.start().ready()
    child = platform.log_server
    with platform.http.stream("GET", "/v1/platform/health"):
        until(lambda: platform.signal(signal.SIGINT) or not alive(child), "nats-server has ended")
        assert platform.wait() == 0
    assert not (platform.data_dir / "run.json").exists()
    assert "Traceback" not in platform.said


def test_a_platform_stops_while_models_keep_experiments_waiting_and_goes_on_after_the_next_start(
    tmp_path: Path,
) -> None:
    gate = Gate()
    with Endpoint({"gate": gate}) as endpoint:
        config = tmp_path / "model_config.yaml"
        config.write_text(catalogue_of(endpoint, ["gate"]))
        settings = {"COZELOOP_MODEL_CONFIG": str(config), "COZELOOP_UNSAFE_CODE": "1"}
        with Platform(tmp_path / "data", **settings) as platform:
            tour = Tour(platform.start().ready().url)
            tour.register()
            run = experiment(tour)
            until(lambda: gate.waiting >= 3, "the model is asked", platform)
            assert platform.stop() == 0
            assert "Traceback" not in platform.said
            gate.let(1000)
            platform.start().ready()
            *_, last = tour.watch(run)
            assert (last.done, last.status) == (last.total, 11)


def experiment(tour: Tour) -> str:
    """An experiment of the demo's prompt over the demo's set."""
    prompt_id = tour.prompt("1")
    set_id, version_id = tour.dataset()
    evaluator = tour.code_evaluator("any", "def exec_evaluation(turn):\n    return {'score': 1}\n")
    return tour.submit("run", set_id, version_id, evaluator, (prompt_id, "0.0.1"), 3)


def test_nothing_of_a_data_directory_is_readable_by_others(platform: Platform) -> None:
    platform.data_dir.mkdir(mode=0o755)
    platform.start().ready()
    Tour(platform.url).register()
    open_to_others = [p for p in platform.data_dir.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert [p for p in open_to_others if "js" not in p.parts] == []


# Breaking


@pytest.mark.kill
def test_after_a_kill_a_start_works_at_once_and_everything_acknowledged_is_there(platform: Platform) -> None:
    tour = Tour(platform.start().ready().url)
    tour.register()
    acknowledged = set()
    for round in range(3):
        with ThreadPoolExecutor(4) as threads:
            made = threads.map(lambda i, r=round: (create(tour, f"r{r}_{i}"), f"r{r}_{i}")[1], range(10))
            acknowledged |= set(made)
        child = platform.log_server
        platform.kill()
        platform.start().ready()
        assert not alive(child)
        assert keys(tour) == acknowledged
    assert cozeloop("verify", "--data-dir", platform.data_dir).returncode == 0


@pytest.mark.kill
def test_a_killed_log_server_is_started_again_and_commands_go_on(platform: Platform) -> None:
    tour = Tour(platform.start().ready().url)
    tour.register()
    create(tour, "before")
    first = platform.log_server
    os.kill(first, signal.SIGKILL)
    until(lambda: platform.log_server not in (0, first), "another nats-server runs", platform)
    platform.ready()
    create(tour, "after")
    assert keys(tour) == {"before", "after"}
    assert "guard" not in platform.health()[1]["msg"]


@pytest.mark.kill
def test_a_log_server_that_dies_five_times_in_a_minute_ends_the_platform(platform: Platform) -> None:
    platform.start().ready()
    killed = 0
    for _ in range(5):
        until(lambda before=killed: platform.log_server not in (0, before), "another nats-server runs", platform)
        killed = platform.log_server
        until(lambda pid=killed: "-c" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"), "it runs", platform)
        os.kill(killed, signal.SIGKILL)
    refused_in_a_sentence(platform, "nats-server ended 5 times")
    assert not (platform.data_dir / "run.json").exists()
    platform.start().ready()


# The operator's commands, on the running platform and alone


@pytest.fixture(scope="module")
def copied(filled: Platform) -> Path:
    """The filled data directory as it was while nothing ran on it."""
    copy = filled.data_dir.with_name("copy")
    assert filled.stop() == 0
    shutil.copytree(filled.data_dir, copy)
    filled.start().ready()
    return copy


@pytest.fixture(params=["running", "alone"])
def data(request: pytest.FixtureRequest, filled: Platform, copied: Path) -> Path:
    """The filled data directory, with its platform and without."""
    return copied if request.param == "alone" else filled.data_dir


def events(data: Path, *options: str) -> list[dict[str, object]]:
    listed = command("events", "list", "--data-dir", data, "--json", *options)
    assert listed.exit_code == 0, listed.stderr
    return lines(listed.stdout)


def test_events_are_listed_with_filters(data: Path) -> None:
    every = events(data)
    assert [e["position"] for e in every] == list(range(1, len(every) + 1))
    prompts = events(data, "--capability", "prompts")
    assert {e["type"] for e in prompts} == {"PromptCreated"}
    assert [e["payload"]["name"] for e in prompts] == ["first", "second"]
    [space] = {str(e["stream"]).split(".")[0] for e in prompts}
    assert events(data, "--space", space, "--capability", "prompts") == prompts
    assert len(events(data, "--space", space)) == 4
    assert events(data, "--space", "_")[0]["type"] in ("UserRegistered", "SpaceCreated", "NameClaimed")
    assert events(data, "--stream", str(prompts[1]["stream"])) == prompts[1:]
    assert events(data, "--type", "PromptCreated", "--limit", "1") == prompts[:1]
    assert events(data, "--space", "404") == []


def test_events_are_listed_since_a_position_and_since_a_time(data: Path) -> None:
    every = events(data)
    assert events(data, "--since", "0") == events(data, "--since", "1") == every
    assert events(data, "--since", "3") == every[2:]
    assert events(data, "--since", str(len(every) + 1)) == []
    since = datetime.fromisoformat(str(every[-1]["recorded_at"]))
    assert events(data, "--since", since.isoformat()) == every[-1:]
    assert events(data, "--since", since.replace(tzinfo=None).isoformat()) == every[-1:]
    assert events(data, "--since", (since + timedelta(minutes=1)).isoformat()) == []
    assert events(data, "--since", datetime(2020, 1, 1, tzinfo=UTC).isoformat()) == every


def test_events_are_listed_for_people_and_shown_one_by_one(data: Path) -> None:
    listed = command("events", "list", "--data-dir", data, "--capability", "prompts")
    assert [line.split()[2] for line in listed.stdout.splitlines()] == ["PromptCreated"] * 2
    position = listed.stdout.split()[0]
    shown = command("events", "show", position, "--data-dir", data)
    assert json.loads(shown.stdout)["type"] == "PromptCreated"
    one = command("events", "show", position, "--data-dir", data, "--json")
    assert lines(one.stdout) == [json.loads(shown.stdout)]


def test_verify_says_that_the_log_is_whole(data: Path) -> None:
    verified = command("verify", "--data-dir", data)
    assert (verified.exit_code, verified.stderr) == (0, "")
    assert verified.stdout.splitlines()[-1] == "the log is whole"


def test_read_models_are_replayed_one_or_all(data: Path) -> None:
    one = command("replay", "prompts", "--data-dir", data)
    assert one.exit_code == 0, one.stderr
    assert [line.split()[0] for line in one.stdout.splitlines()] == ["prompts"]
    every = command("replay", "--all", "--data-dir", data)
    assert every.exit_code == 0, every.stderr
    assert len(every.stdout.splitlines()) > 10
    assert all(line.endswith("switched") for line in every.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "nonsense"], ["no read model is called nonsense", "prompts"]),
        (["replay"], ["name read models"]),
        (["events", "show", "100000"], ["no event at 100000"]),
        (["events", "list", "--since", "yesterday"], ["yesterday"]),
        (["events", "list", "--stream", "a b"], ["not a stream"]),
        (["events", "list", "--capability", ">"], ["not the name of a capability"]),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(data: Path, arguments: list[str], words: list[str]) -> None:
    refused = command(*arguments, "--data-dir", data)
    assert refused.exit_code in (1, 2)
    assert all(word in refused.stderr for word in words), refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_stale_address_of_a_killed_platform_misleads_nobody(platform: Platform, filled: Platform) -> None:
    """Another platform may answer there by now."""
    platform.start().ready()
    platform.kill()
    run = platform.data_dir / "run.json"
    run.write_text(json.dumps({**json.loads(run.read_text()), "url": filled.url}))
    assert events(platform.data_dir) == []


@pytest.mark.parametrize("words", [["events", "list"], ["events", "show", "1"], ["verify"], ["replay", "--all"]])
def test_a_directory_without_a_platform_is_said_and_left_as_it_is(tmp_path: Path, words: list[str]) -> None:
    for directory in (tmp_path / "missing", tmp_path):
        refused = command(*words, "--data-dir", directory)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("cozeloop: ") and str(directory) in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["up"], ["demo"], ["verify"], ["replay"], ["events", "list"], ["events", "show"]], ids=" ".join
)
def test_every_command_explains_itself_with_examples(words: list[str]) -> None:
    told = command(*words, "--help")
    assert told.exit_code == 0
    assert "Example" in told.stdout
    assert f"cozeloop {' '.join(words)}" in told.stdout
