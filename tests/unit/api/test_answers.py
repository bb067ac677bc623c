"""Every answer is in the envelope, carries its id, and tells strangers nothing."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from cozeloop.api.envelope import reply
from cozeloop.api.modules import UNREADABLE, UNREGISTERED, Module, module_of
from cozeloop.handling import CommandReused, Contended
from cozeloop.outside import WebhookFigures
from cozeloop.platform import Damaged, LogUnavailable, Unknown, UnknownEvent
from tests.unit.api.fakes import NOTES, World

LOGIN = f"{NOTES}/login"
SDK = "/v1/loop/prompts/notes"
NOTE = {"workspace_id": "70", "text": "a"}


async def test_a_success_has_code_0_and_an_empty_msg(world: World) -> None:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/list", json={})
    assert response.json() == {"code": 0, "msg": "", "listed": True}
    assert response.headers["content-type"].startswith("application/json")


def test_an_answer_with_a_code_of_its_own_is_left_as_it_is() -> None:
    assert reply({"code": 0, "msg": "", "data": {}}).body == b'{"code":0,"msg":"","data":{}}'


async def test_a_word_beats_a_parameter_in_its_place(world: World) -> None:
    async with world.client() as client:
        assert (await client.post(f"{NOTES}/list")).json()["listed"] is True


async def test_every_answer_carries_an_id_of_its_own(world: World) -> None:
    async with world.client() as client:
        answers = [await client.get(path) for path in ("/ping", "/nowhere", "/api/nowhere", f"{NOTES}/5", "/metrics")]
    ids = [a.headers["x-log-id"] for a in answers]
    assert len(set(ids)) == len(ids)
    assert ids == [a.headers["x-tt-logid"] for a in answers]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", LOGIN, 405)])
async def test_an_unmatched_route_is_answered_in_the_envelope(
    world: World, method: str, path: str, status: int
) -> None:
    async with world.client() as client:
        response = await client.request(method, path)
    assert response.status_code == status
    assert response.json()["code"] == UNREADABLE
    assert set(response.json()) == {"code", "msg"}


async def test_a_doubled_slash_at_the_start_is_one(world: World) -> None:
    async with world.client() as client:
        response = await client.post(
            httpx.URL("http://platform").copy_with(raw_path=b"//v1/loop/prompts/notes"), json=NOTE
        )
    assert response.json()["code"] == 0


# --- who calls ---


@pytest.mark.parametrize("user", [None, "garbage", ""])
async def test_without_a_session_nothing_is_answered_on_api(world: World, user: str | None) -> None:
    async with world.client(user) as client:
        response = await client.post(NOTES, json=NOTE)
    assert (response.status_code, response.json()["code"]) == (200, UNREGISTERED)
    assert response.json()["msg"].startswith("Service Internal Error")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 602000702),
        ({"authorization": "Bearer "}, 602000702),
        ({"authorization": "Basic 7"}, 602000702),
        ({"authorization": "Bearer garbage"}, 602000101),
        ({"cookie": "session_key=7"}, 602000702),
    ],
)
async def test_without_a_token_nothing_is_answered_on_v1(world: World, headers: dict[str, str], code: int) -> None:
    async with world.client(None, **headers) as client:
        response = await client.post(SDK, json=NOTE)
    assert (response.status_code, response.json()["code"]) == (401, code)


async def test_a_token_does_not_open_api(world: World) -> None:
    async with world.client(None, authorization="Bearer 7") as client:
        assert (await client.post(NOTES, json=NOTE)).json()["code"] == UNREGISTERED


async def test_an_anonymous_route_needs_no_session_and_knows_none(world: World) -> None:
    for user in (None, "7"):
        async with world.client(user) as client:
            assert (await client.post(LOGIN, json={})).json()["user"] == ""


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"origin": "http://platform"}, True),
        ({"origin": "https://platform"}, True),
        ({"origin": "https://platform:8443"}, False),
        ({"origin": "http://shop", "x-forwarded-host": "shop"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://evil"}, False),
        ({"origin": "http://evil", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "http://platform:81"}, False),
        ({"origin": "http://platform.evil"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[broken"}, False),
    ],
)
async def test_a_page_of_another_origin_cannot_write(world: World, headers: dict[str, str], admitted: bool) -> None:
    async with world.client(**headers) as client:
        answer = (await client.post(NOTES, json=NOTE)).json()
    assert (answer["code"] == 0) is admitted
    assert admitted or answer["code"] == 602000101
    assert len(world.log.recorded) == (5 if admitted else 4)


async def test_an_origin_is_nothing_to_an_sdk(world: World) -> None:
    async with world.client(origin="http://evil") as client:
        assert (await client.post(SDK, json=NOTE)).json()["code"] == 0


# --- limits ---


async def test_logins_of_one_address_are_limited() -> None:
    world = await World(login_per_minute=3).begin()
    async with world.client(None) as client:
        codes = [(await client.post(LOGIN, json={})).json()["code"] for _ in range(5)]
    assert codes == [0, 0, 0, 600500205, 600500205]


async def test_an_sdk_over_its_rate_is_told_so_with_429(world: World) -> None:
    async with world.client() as client:
        answers = [await client.post(SDK, json=NOTE) for _ in range(2)]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(200, 0), (429, 600502001)]


# --- what fails ---


async def test_a_defect_is_logged_whole_and_answered_without_its_text(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/broken", json={})
    log_id = response.headers["x-log-id"]
    assert response.status_code == 200
    assert response.json() == {"code": 602000702, "msg": f"Service Internal Error, log id {log_id}"}
    assert "secret of the machine room" in caplog.text
    assert log_id in caplog.text


async def test_a_refusal_without_a_row_in_the_table_is_a_defect(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with world.client() as client:
        answer = (await client.post(NOTES, json={**NOTE, "text": "rude"})).json()
    assert answer["code"] == 602000702
    assert "Rude" in caplog.text


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (LogUnavailable("gone"), 600500703),
        (Contended("lost"), 600500702),
        (UnknownEvent("newer"), 600500702),
        (Damaged("stream 5"), 600500702),
        (CommandReused("other body"), 600500204),
    ],
)
async def test_what_the_log_answers_has_a_code_of_the_module(world: World, failure: Exception, code: int) -> None:
    world.log.fail_next = failure
    async with world.client() as client:
        response = await client.post(NOTES, json=NOTE)
    assert (response.status_code, response.json()["code"]) == (200, code)


async def test_an_append_of_unknown_outcome_that_cannot_be_resolved_is_a_timeout(world: World) -> None:
    world.log.fail_next = Unknown("timed out")
    async with world.client() as client:
        answer = (await client.post(NOTES, json=NOTE)).json()
    assert answer["code"] == 600500701


async def test_an_append_whose_answer_was_lost_is_found_again(world: World) -> None:
    world.log.lose_next_answer = True
    async with world.client() as client:
        answer = (await client.post(NOTES, json=NOTE)).json()
    assert (answer["code"], answer["text"]) == (0, "a")


# --- readiness, health, figures ---


def never_ready(world: World) -> None:
    async def wait(timeout: float) -> bool:
        return False

    world.platform.ready = lambda: "the event log"
    world.platform.wait_ready = wait


@pytest.mark.parametrize(
    ("path", "code"),
    [(NOTES, 600500703), (SDK, 600500703), ("/api/llm/v1/models/list", 601500703), ("/docs", 602000703)],
)
async def test_until_it_is_ready_requests_are_told_so(world: World, path: str, code: int) -> None:
    never_ready(world)
    async with world.client() as client:
        answer = (await client.post(path, json=NOTE)).json()
    assert answer == {"code": code, "msg": "not ready yet,waiting for the event log"}


async def test_ping_and_health_answer_before_it_is_ready(world: World) -> None:
    never_ready(world)
    async with world.client(None) as client:
        assert (await client.get("/ping")).text == "pong"
        health = await client.get("/v1/platform/health")
    assert (health.status_code, health.json()["code"]) == (503, 602000703)


async def test_health_says_where_log_and_read_models_stand(world: World) -> None:
    async with world.client(None) as client:
        health = await client.get("/v1/platform/health")
    assert health.status_code == 200
    assert health.json()["log_position"] == "events:4"
    assert health.json()["read_models"]["members"] == {"position": "events:4", "lag": "0"}


async def test_figures_name_routes_and_commands_and_no_tenant(world: World) -> None:
    async with world.client() as client:
        await client.post(NOTES, json=NOTE)
        await client.get(f"{NOTES}/70?workspace_id=70")
        text = (await client.get("/metrics")).text
    assert 'cozeloop_requests_total{route="POST /api/prompt/v1/notes",status="200"} 1' in text
    assert 'cozeloop_commands_total{command="WriteNote"} 1' in text
    assert 'cozeloop_read_model_lag{model="members"} 0' in text
    assert "70" not in "".join(line.split("} ")[0] for line in text.splitlines() if "note" in line)


class Deliveries:
    """Webhooks of which only the figures are asked; without them the database is away."""

    def __init__(self, found: WebhookFigures | None) -> None:
        self._found = found

    async def figures(self) -> WebhookFigures:
        if self._found is None:
            raise ConnectionError("the database is away")
        return self._found


async def test_figures_say_how_deliveries_to_webhooks_go(world: World) -> None:
    world.platform.webhooks = Deliveries(WebhookFigures({"delivered": 5, "given_up": 1}, 3, 2, 4))  # type: ignore[assignment]
    async with world.client() as client:
        text = (await client.get("/metrics")).text
    assert 'cozeloop_webhook_attempts_total{outcome="delivered"} 5\n' in text
    assert 'cozeloop_webhook_attempts_total{outcome="failed"} 0\n' in text
    assert 'cozeloop_webhook_attempts_total{outcome="given_up"} 1\n' in text
    assert "cozeloop_webhook_retries_total 3\n" in text
    assert 'cozeloop_webhook_deliveries{state="waiting"} 2\n' in text
    assert 'cozeloop_webhook_deliveries{state="undelivered"} 4\n' in text


async def test_figures_are_told_without_deliveries_while_these_cannot_be_counted(world: World) -> None:
    world.platform.webhooks = Deliveries(None)  # type: ignore[assignment]
    async with world.client() as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "cozeloop_webhook" not in answer.text


async def test_the_access_log_is_one_line_without_query_or_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cozeloop.access")
    async with world.client() as client:
        await client.get("/nowhere%0Ainjected?token=hidden")
    [record] = [r for r in caplog.records if r.name == "cozeloop.access"]
    line = record.getMessage()
    assert line.startswith("GET /nowhere%0Ainjected status=404 code=602000201 ms=")
    assert "\n" not in line
    assert "hidden" not in line


def test_codes_are_built_of_module_and_class() -> None:
    assert Module.PROMPT.code(101) == 600500101
    assert Module.EVALUATION.code(703) == 601200703
    paths: dict[str, Any] = {
        "/api/prompt/v1/prompts": Module.PROMPT,
        "/v1/loop/prompts/mget": Module.PROMPT,
        "/api/evaluation/v1/experiments": Module.EVALUATION,
        "/api/auth/v1/personal_access_tokens": Module.FOUNDATION,
        "/api/llm/v1/models/list": Module.LLM,
        "/": Module.FOUNDATION,
    }
    assert {p: module_of(p) for p in paths} == paths
