"""The operator's routes: his token alone, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.api.fakes import World

ADMIN = "/v1/platform/admin"


async def lines(world: World, method: str, path: str, **request: Any) -> list[dict[str, Any]]:
    async with world.client(None, authorization="Bearer operator") as client:
        response = await client.request(method, f"{ADMIN}{path}", **request)
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer 7", "Bearer operatoR", "Bearer opérateur"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("GET", "/verify"), ("POST", "/replay")])
async def test_nobody_else_is_admitted(world: World, token: str, method: str, path: str) -> None:
    async with world.client(None) as client:
        response = await client.request(method, f"{ADMIN}{path}", headers=[(b"authorization", token.encode())])
    assert (response.status_code, response.json()["code"]) == (401, 602000101)


async def test_without_an_operator_s_token_nobody_is_the_operator(world: World) -> None:
    world.platform.operator_token = ""
    async with world.client(None, authorization="Bearer ") as client:
        assert (await client.get(f"{ADMIN}/verify")).status_code == 401


async def test_events_come_line_by_line(world: World) -> None:
    found = await lines(world, "GET", "/events?after=3&limit=2&since=2025-01-01T00:00:00%2B00:00")
    assert [f["position"] for f in found] == [4, 5]
    assert found[0]["since"] == "2025-01-01T00:00:00+00:00"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=-1", "since=yesterday", "since=2025-01-01T00:00:00"])
async def test_a_wrong_question_is_refused_by_name(world: World, query: str) -> None:
    [answer] = await lines(world, "GET", f"/events?{query}")
    assert query.partition("=")[0] in answer["msg"]


async def test_what_fails_in_the_middle_ends_with_a_code(world: World) -> None:
    first, last = await lines(world, "GET", "/verify")
    assert first == {"done": 1}
    assert last["code"] == 602000702
    assert "machine room" not in last["msg"]


async def test_read_models_are_replayed_by_name(world: World) -> None:
    asked = {"read_models": ["a"], "parked": True}
    assert await lines(world, "POST", "/replay", json=asked) == [{"read_model": "a", "parked": True}]
    assert await lines(world, "POST", "/replay", json={"read_models": ["a", "b"]}) == [
        {"read_model": "a"},
        {"read_model": "b"},
    ]


async def test_an_unknown_read_model_is_named(world: World) -> None:
    [answer] = await lines(world, "POST", "/replay", json={"read_models": ["nothing"]})
    assert answer == {"code": 602000201, "msg": "bad request,no read model is called nothing"}


async def test_a_process_without_operations_says_so(world: World) -> None:
    world.platform.operations = None
    [answer] = await lines(world, "GET", "/verify")
    assert answer["code"] == 602000703
