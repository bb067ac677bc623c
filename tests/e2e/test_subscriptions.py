"""Events for readers outside, on a running platform: from any position, live, and ended when they must end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.callers import TOKENS, Caller
from tests.e2e.conftest import faults
from tests.e2e.laboratory import PROMPTS, Laboratory
from tests.e2e.processes import Platform, environment, until

PATH = "/v1/platform/events"


def streamed(url: str, token: str, **query: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of each frame."""
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    with httpx.stream("GET", f"{url}{PATH}", params=query, headers=headers, timeout=60) as response:
        assert response.status_code == 200
        kind = "message"
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)
                kind = "message"


def prompts(lab: Laboratory, number: int) -> None:
    for _ in range(number):
        key = lab.name("prompt")
        lab.call("POST", PROMPTS, {"workspace_id": lab.space, "prompt_key": key, "prompt_name": key})


def listed(platform: Platform, space: str) -> list[int]:
    """The positions of a space's events, straight from the log."""
    operator = json.loads((platform.data_dir / "run.json").read_text())["token"]
    answer = platform.http.get(
        "/v1/platform/admin/events",
        params={"space": space, "limit": 100000},
        headers={"authorization": f"Bearer {operator}"},
    )
    return [json.loads(line)["position"] for line in answer.text.splitlines()]


def test_events_written_while_a_reader_catches_up_come_once_and_in_order(platform: Platform) -> None:
    """S1, S3: several readers begin at 0 while others write; each ends with what the log holds."""
    lab = Laboratory(platform.url)
    prompts(lab, 60)
    told: dict[int, list[dict[str, Any]]] = {0: [], 1: [], 2: []}

    def read(number: int) -> None:
        for kind, data in streamed(platform.url, lab.token, workspace_id=lab.space, after="0"):
            if kind == "message":
                told[number].append(data)
                if data["type"] == "PromptDeleted":
                    return

    readers = [threading.Thread(target=read, args=(n,)) for n in told]
    for number, reader in enumerate(readers):
        reader.start()
        prompts(lab, 15 * number + 1)
    prompts(lab, 20)
    key = lab.name("last")
    created = lab.call("POST", PROMPTS, {"workspace_id": lab.space, "prompt_key": key, "prompt_name": key})
    lab.call("DELETE", f"{PROMPTS}/{created['prompt_id']}")
    for reader in readers:
        reader.join(60)
    wanted = [p for p in listed(platform, lab.space) if p <= max(e["position"] for e in told[0])]
    for events in told.values():
        assert [e["position"] for e in events] == wanted[: len(events)]
        assert events[-1]["type"] == "PromptDeleted"
    named = [e["payload"]["prompt_key"] for e in told[0] if e["type"] == "PromptCreated"]
    assert key in named


def test_a_stream_ends_with_an_error_when_its_token_is_revoked(platform: Platform) -> None:
    caller = Caller(platform.url, "tail")
    token_id, token = caller.new_token()
    frames = streamed(platform.url, token, workspace_id=caller.space, after="0")
    caller.call("POST", PROMPTS, {"workspace_id": caller.space, "prompt_key": "tail", "prompt_name": "tail"})
    kinds = {next(frames)[0]}
    caller.call("DELETE", f"{TOKENS}/{token_id}")
    last = [frame for frame in frames if frame[0] != "message"][-1]
    assert kinds == {"message"}
    assert (last[0], last[1]["code"]) == ("error", 602000101)


def test_asking_again_and_again_tells_the_same_as_a_stream(platform: Platform) -> None:
    lab = Laboratory(platform.url)
    prompts(lab, 20)
    headers = {"authorization": f"Bearer {lab.token}"}
    position, told = "events:0", []
    while True:
        query = {"workspace_id": lab.space, "after": position, "limit": 7, "type": "PromptCreated"}
        answer = platform.http.get(PATH, params=query, headers=headers).json()
        told += [e["position"] for e in answer["events"]]
        if answer["position"] == position:
            break
        position = answer["position"]
    assert len(told) == 20
    assert set(told) <= set(listed(platform, lab.space))


def test_events_are_followed_on_the_command_line_until_the_platform_stops(tmp_path: Path) -> None:
    """A stop ends streams that are read and one that is not, with status 0 and without a word of a fault."""
    with Platform(tmp_path / "data") as platform:
        platform.start().ready()
        lab = Laboratory(platform.url)
        command = [sys.executable, "-m", "cozeloop", "events", "tail", "--data-dir", str(tmp_path / "data")]
        with (
            subprocess.Popen(
                [*command, "--type", "PromptCreated", "--since", "1", "--json"],
                env=environment({}),
                stdout=subprocess.PIPE,
                text=True,
            ) as tail,
            socket.create_connection(("127.0.0.1", platform.port)) as deaf,
        ):
            head = f"GET {PATH}?workspace_id={lab.space}&after=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            deaf.sendall(f"{head}Authorization: Bearer {lab.token}\r\n\r\n".encode())
            prompts(lab, 3)
            assert tail.stdout is not None
            shown = [json.loads(tail.stdout.readline()) for _ in range(3)]
            until(lambda: "cozeloop_event_readers 2" in platform.http.get("/metrics").text, "both read", platform)
            assert platform.stop() == 0
            assert tail.wait(30) == 0
        assert {e["type"] for e in shown} == {"PromptCreated"}
        assert faults(platform.said) == []


@pytest.mark.parametrize("running", [True, False])
def test_what_cannot_be_followed_is_said_in_a_sentence(platform: Platform, tmp_path: Path, running: bool) -> None:
    where = platform.data_dir if running else tmp_path
    command = [sys.executable, "-m", "cozeloop", "events", "tail", "--data-dir", str(where), "--stream", "nothing"]
    ended = subprocess.run(command, env=environment({}), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert ("not a stream" if running else "no platform is running") in ended.stderr
