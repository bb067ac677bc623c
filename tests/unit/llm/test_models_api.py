"""models/list and models/:id over HTTP: a workspace's own catalogue, page by page, without secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from cozeloop.api.app import create_app
from infra.llm import LitellmGateway
from infra.llm.catalogue import parse_catalogue
from tests.in_memory import InMemory

CANARY = "sk-canary-0a1b"
SPACE, FOREIGN = "70", "80"
LIST = "/api/llm/v1/models/list"

Ask = Callable[..., Awaitable[dict[str, Any]]]


def configured(id: int, **more: Any) -> dict[str, Any]:
    config = {"base_url": "http://models.example/v1", "api_key": CANARY, "model": f"m-{id}"}
    return {"id": id, "name": f"model {id}", "protocol": "openai", "protocol_config": config, **more}


MODELS = [
    configured(1),
    configured(2, scenario_configs={"evaluator": {"unavailable": True}}),
    configured(3, workspace_id=int(FOREIGN)),
    *(configured(id) for id in range(4, 31)),
]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    world = InMemory()
    world.platform.models = LitellmGateway(parse_catalogue(json.dumps({"models": MODELS}), {}))
    await world.admit("7", space=SPACE)
    await world.admit("8", space=FOREIGN)
    transport = httpx.ASGITransport(create_app(world.platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def asked(path: str, user: str = "7", **body: Any) -> dict[str, Any]:
            answer = await client.post(path, json=body, headers={"cookie": f"session_key={user}"} if user else {})
            assert answer.status_code == 200
            assert CANARY not in answer.text
            found: dict[str, Any] = answer.json()
            return found

        yield asked


def ids(answer: dict[str, Any]) -> list[int]:
    return [int(m["model_id"]) for m in answer["models"]]


async def test_a_page_tells_the_next_one_and_the_total(ask: Ask) -> None:
    first = await ask(LIST, workspace_id=SPACE, page_size=20, page_token="0")
    assert (first["code"], first["msg"]) == (0, "")
    assert (first["total"], first["has_more"], first["next_page_token"]) == (29, True, "20")
    second = await ask(LIST, workspace_id=int(SPACE), page_size=20, page_token=first["next_page_token"])
    assert (second["total"], second["has_more"], second["next_page_token"]) == (29, False, "")
    assert ids(first) + ids(second) == [1, 2, *range(4, 31)]


async def test_the_console_s_request_gets_everything(ask: Ask) -> None:
    answer = await ask(LIST, workspace_id=SPACE, scenario="prompt_debug", page_size=100, page_token="0")
    assert len(answer["models"]) == 29
    assert answer["models"][0]["protocol_config"]["api_key"] == "***"


async def test_a_scenario_leaves_out_what_is_unavailable_there(ask: Ask) -> None:
    answer = await ask(LIST, workspace_id=SPACE, scenario="evaluator", page_size=3)
    assert (ids(answer), answer["total"]) == ([1, 4, 5], 28)


async def test_a_workspace_s_own_model_is_shown_there_alone(ask: Ask) -> None:
    assert 3 in ids(await ask(LIST, user="8", workspace_id=FOREIGN, page_size=100))
    assert (await ask("/api/llm/v1/models/3", user="8", workspace_id=FOREIGN))["model"]["name"] == "model 3"
    assert (await ask("/api/llm/v1/models/3", workspace_id=SPACE))["code"] == 602000702


async def test_one_model_is_found_by_its_id(ask: Ask) -> None:
    answer = await ask("/api/llm/v1/models/2", workspace_id=SPACE)
    assert (answer["code"], answer["model"]["model_id"], answer["model"]["workspace_id"]) == (0, "2", "0")


async def test_a_page_past_the_end_is_empty(ask: Ask) -> None:
    answer = await ask(LIST, workspace_id=SPACE, page_token="900")
    assert (answer["models"], answer["has_more"], answer["total"]) == ([], False, 29)


@pytest.mark.parametrize("page_token", ["x", "-1", "1.5", "²", "9999999999"])
async def test_a_page_token_that_is_no_offset_is_refused(ask: Ask, page_token: str) -> None:
    answer = await ask(LIST, workspace_id=SPACE, page_token=page_token)
    assert answer["code"] == 601500202
    assert "page_token" in answer["msg"]


@pytest.mark.parametrize("id", ["999", "9223372036854775807"])
async def test_an_unknown_model_is_an_internal_error_as_the_contract_has_it(ask: Ask, id: str) -> None:
    assert (await ask(f"/api/llm/v1/models/{id}", workspace_id=SPACE))["code"] == 602000702


@pytest.mark.parametrize("path", [LIST, "/api/llm/v1/models/1"])
async def test_strangers_see_nothing(ask: Ask, path: str) -> None:
    assert set(await ask(path, user="8", workspace_id=SPACE)) == {"code", "msg"}
    assert (await ask(path, user="8", workspace_id=SPACE))["code"] == 601500101
    assert (await ask(path, user="", workspace_id=SPACE))["code"] == 602000702
    assert (await ask(path, workspace_id="12345"))["code"] == 601500101


@pytest.mark.parametrize("path", [LIST, "/api/llm/v1/models/1"])
@pytest.mark.parametrize("body", [{}, {"workspace_id": "0"}, {"workspace_id": "x"}, {"workspace_id": None}])
async def test_a_request_without_a_workspace_is_refused(ask: Ask, path: str, body: dict[str, Any]) -> None:
    answer = await ask(path, **body)
    assert answer["code"] in (602000201, 602000202)
    assert "workspace_id" in answer["msg"]


@pytest.mark.parametrize("page_size", [0, -5, 2_000_000_000])
async def test_an_odd_page_size_is_brought_into_bounds(ask: Ask, page_size: int) -> None:
    assert 20 <= len(ids(await ask(LIST, workspace_id=SPACE, page_size=page_size))) <= 29


async def test_bodies_of_the_wrong_shape_are_refused(ask: Ask) -> None:
    for wrong in ({"page_size": "many"}, {"page_token": 5}, {"scenario": ["evaluator"]}, {"filter": "x"}):
        assert (await ask(LIST, workspace_id=SPACE, **wrong))["code"] == 602000201
