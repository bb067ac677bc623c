"""Webhooks on a running platform: what happens in a space is told outside, at least once, whatever dies meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import faults
from tests.e2e.laboratory import PROMPTS, Laboratory
from tests.e2e.processes import Platform, cozeloop, until
from tests.e2e.receiver import Receiver, Told
from tests.e2e.test_subscriptions import listed, prompts

HOOKS = "/v1/platform/webhooks"
OPEN = {
    "COZELOOP_OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
    "COZELOOP_WEBHOOK_RETRY_SECONDS": "0.05",
    "COZELOOP_WEBHOOK_ATTEMPTS": "3",
}


class Hooked(Laboratory):
    """Somebody with webhooks."""

    def asked(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:  # type: ignore[override]
        headers = {"authorization": f"Bearer {self.token}"}
        return self.http.request(method, f"{HOOKS}{path}", json=body, params=query, headers=headers).json()

    def hook(self, url: str, *types: str) -> tuple[str, str]:
        """Id and secret of a new one."""
        made = self.asked("POST", "", {"workspace_id": self.space, "url": url, "event_types": list(types)})
        assert made["code"] == 0, made
        return made["webhook"]["webhook_id"], made["secret"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose users may send to this machine."""
    with Platform(tmp_path_factory.mktemp("hooks") / "data", **OPEN) as platform:
        yield platform.start().ready()
        assert platform.stop() == 0
        assert faults(platform.said) == []


@pytest.fixture
def lab(running: Platform) -> Hooked:
    return Hooked(running.url)


def test_what_happens_after_its_creation_is_told_signed_and_once(lab: Hooked, running: Platform) -> None:
    prompts(lab, 2)
    with Receiver() as receiver:
        webhook, secret = lab.hook(receiver.url)
        prompts(lab, 3)
        until(lambda: len(receiver.accepted) >= 6, "three prompts and their names are told", running)
        told = receiver.accepted
        assert sorted(receiver.types()) == ["NameClaimed"] * 3 + ["PromptCreated"] * 3
        assert all(t.signed_with(secret) for t in told)
        assert len({t.id for t in told}) == len(told) == 6
        assert [t.event["position"] for t in told if t.event["stream"].split(".")[0] != lab.space] == []
        until(lambda: not lab.asked("GET", f"/{webhook}/deliveries")["deliveries"], "nothing is left", running)


def test_only_the_types_that_were_asked_for_are_told(lab: Hooked, running: Platform) -> None:
    with Receiver() as receiver:
        lab.hook(receiver.url, "PromptDeleted")
        key = lab.name("prompt")
        created = lab.call("POST", PROMPTS, {"workspace_id": lab.space, "prompt_key": key, "prompt_name": key})
        lab.call("DELETE", f"{PROMPTS}/{created['prompt_id']}")
        until(lambda: receiver.accepted, "the deletion is told", running)
        assert receiver.types() == ["PromptDeleted"]


def test_whoever_fails_is_told_again_under_the_same_id_until_it_is_given_up(lab: Hooked, running: Platform) -> None:
    """What was given up is listed, and delivered again when somebody says so."""
    with Receiver(lambda told: 500) as receiver:
        webhook, secret = lab.hook(receiver.url, "PromptCreated")
        prompts(lab, 1)

        def given_up() -> list[dict[str, Any]]:
            return lab.asked("GET", f"/{webhook}/deliveries", state="undelivered")["deliveries"]

        until(given_up, "it is given up", running)
        [listed] = given_up()
        assert (listed["attempts"], listed["status"], listed["error"]) == (3, 500, "it answered 500")
        assert [t.id for t in receiver.told] == [listed["delivery_id"]] * 3
        assert len({t.body for t in receiver.told}) == 1
        receiver.answer = lambda told: 200
        again = lab.asked("POST", f"/{webhook}/deliveries/{listed['delivery_id']}/redeliver")
        assert again["code"] == 0
        until(lambda: receiver.accepted, "it has arrived", running)
        assert receiver.accepted[0].id == listed["delivery_id"]
        assert receiver.accepted[0].signed_with(secret)
        until(lambda: not lab.asked("GET", f"/{webhook}/deliveries")["deliveries"], "nothing is left", running)
        assert lab.asked("POST", f"/{webhook}/deliveries/{listed['delivery_id']}/redeliver")["code"] == 602007003


def test_a_receiver_that_hangs_keeps_no_other_waiting(lab: Hooked, running: Platform) -> None:
    held = threading.Event()

    def hold(told: Told) -> int:
        held.wait(60)
        return 204

    with Receiver(hold) as hanging, Receiver() as prompt_one:
        lab.hook(hanging.url)
        lab.hook(prompt_one.url, "PromptCreated")
        prompts(lab, 12)
        until(lambda: len(prompt_one.accepted) == 12, "the other is told everything", running)
        assert hanging.told and not hanging.accepted
        held.set()


def test_a_webhook_is_tried_with_an_event_that_did_not_happen(lab: Hooked) -> None:
    with Receiver() as receiver:
        webhook, secret = lab.hook(receiver.url)
        tried = lab.asked("POST", f"/{webhook}/test")
        assert (tried["delivered"], tried["status"], tried["error"]) == (True, 204, "")
        assert receiver.types() == ["WebhookTest"]
        assert receiver.accepted[0].signed_with(secret)
        receiver.answer = lambda told: 302
        tried = lab.asked("POST", f"/{webhook}/test")
        assert (tried["delivered"], tried["status"], tried["error"]) == (False, 302, "it answered 302")
    assert lab.asked("POST", f"/{webhook}/test")["error"] == "the connection was refused"


def test_a_deleted_webhook_is_told_nothing_more(lab: Hooked, running: Platform) -> None:
    with Receiver(lambda told: 500) as receiver, Receiver() as other:
        webhook, _ = lab.hook(receiver.url)
        lab.hook(other.url, "PromptCreated")
        prompts(lab, 1)
        until(lambda: receiver.told, "it is told once", running)
        assert lab.asked("DELETE", f"/{webhook}")["code"] == 0
        assert [w["url"] for w in lab.asked("GET", "", workspace_id=lab.space)["webhooks"]] == [other.url]
        assert lab.asked("GET", f"/{webhook}/deliveries")["code"] == 602007001
        last = lab.name("last")
        lab.call("POST", PROMPTS, {"workspace_id": lab.space, "prompt_key": last, "prompt_name": last})
        until(lambda: len(other.accepted) == 2, "the other goes on", running)
        assert not [t for t in receiver.told if last in t.body.decode()]


def test_what_a_replay_folds_is_told_to_nobody(lab: Hooked, running: Platform) -> None:
    """R8: read models are built anew from the whole log, and nothing is sent."""
    with Receiver() as receiver:
        lab.hook(receiver.url, "PromptCreated")
        prompts(lab, 3)
        until(lambda: len(receiver.accepted) == 3, "three are told", running)
        replayed = cozeloop("replay", "--all", "--data-dir", running.data_dir)
        assert replayed.returncode == 0, replayed.stderr
        prompts(lab, 1)
        until(lambda: len(receiver.accepted) == 4, "one more is told", running)
        assert len(receiver.told) == 4


@pytest.mark.parametrize(
    ("changed", "code", "named"),
    [
        ({"url": "http://10.0.0.1/"}, 602000202, "url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, 602000202, "url"),
        ({"url": "gopher://example.org"}, 602000202, "url"),
        ({"url": "http://user:pass@example.org"}, 602000202, "url"),
        ({"url": None}, 602000202, "url"),
        ({"event_types": ["PromptCreated", "Rumour"]}, 602000202, "event_types"),
        ({"workspace_id": "1"}, 602000101, "workspace"),
    ],
)
def test_what_is_no_webhook_is_refused_by_name(lab: Hooked, changed: dict[str, Any], code: int, named: str) -> None:
    body = {"workspace_id": lab.space, "url": "https://example.org/", "event_types": [], **changed}
    answer = lab.asked("POST", "", body)
    assert (answer["code"], named in answer["msg"]) == (code, True), answer
    assert lab.asked("GET", "", workspace_id=lab.space)["webhooks"] == []


def test_a_space_has_so_many_webhooks_and_no_more(lab: Hooked) -> None:
    made = [lab.hook("https://example.org/hook")[0] for _ in range(20)]
    answer = lab.asked("POST", "", {"workspace_id": lab.space, "url": "https://example.org/"})
    assert (answer["code"], len(set(made))) == (602007002, 20)


def test_an_erased_space_has_neither_webhooks_nor_secrets_nor_anything_due(lab: Hooked, running: Platform) -> None:
    with Receiver(lambda told: 500) as receiver:
        lab.hook(receiver.url, "PromptCreated")
        prompts(lab, 1)
        until(lambda: receiver.told, "it is told once", running)
        erased = cozeloop("spaces", "destroy-key", lab.space, "--yes", "--data-dir", running.data_dir)
        assert erased.returncode == 0, erased.stderr
    vault = sqlite3.connect(running.data_dir / "vault.db")
    read = sqlite3.connect(running.data_dir / "read.db")
    left = [
        vault.execute("select count(*) from hooks where space_id = ?", (lab.space,)).fetchone(),
        read.execute("select count(*) from webhook_deliveries where space_id = ?", (lab.space,)).fetchone(),
    ]
    assert left == [(0,), (0,)]


@pytest.mark.kill
def test_after_kills_everything_that_happened_has_been_told(tmp_path: Path) -> None:
    """Deliveries are under way, due and not yet found out when the platform dies, three times."""
    with (
        Receiver() as receiver,
        Platform(tmp_path / "data", **{**OPEN, "COZELOOP_WEBHOOK_ATTEMPTS": "1000"}) as platform,
    ):
        platform.start().ready()
        lab = Hooked(platform.url)
        receiver.answer = lambda told: 204 if told.number % 3 else 503
        webhook, secret = lab.hook(receiver.url)
        for _ in range(3):
            writing = threading.Thread(target=until_refused, args=(lab,))
            writing.start()
            enough = len(receiver.accepted) + 15
            until(lambda enough=enough: len(receiver.accepted) >= enough, "some are told", platform)
            platform.kill()
            writing.join(60)
            platform.start().ready()
        receiver.answer = lambda told: 204
        _, *wanted = listed(platform, lab.space)
        until(lambda: len({t.id for t in receiver.accepted}) >= len(wanted), "everything is told", platform)
        assert sorted({t.event["position"] for t in receiver.accepted}) == wanted
        assert len({t.id for t in receiver.accepted}) == len(wanted)
        assert all(t.signed_with(secret) for t in receiver.told)
        until(lambda: not lab.asked("GET", f"/{webhook}/deliveries")["deliveries"], "nothing is left", platform)
        assert platform.stop() == 0


def until_refused(lab: Laboratory) -> None:
    """Makes prompts for as long as somebody answers."""
    try:
        while True:
            prompts(lab, 1)
    except (httpx.HTTPError, AssertionError, RuntimeError):
        pass
