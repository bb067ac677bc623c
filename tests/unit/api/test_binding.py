"""Requests become models, or refusals that name the field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cozeloop.api.binding import parse
from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import RULE_BROKEN, UNREADABLE
from tests.unit.api.fakes import NOTES, World

JSON = {"content-type": "application/json"}
BIG = 2**63


async def bound(world: World, body: Any, query: str = "", note: str = "5") -> dict[str, Any]:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/{note}{query}", content=json.dumps(body), headers=JSON)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_path_query_and_body_are_one_request(world: World) -> None:
    answer = await bound(world, {"text": "a"}, "?count=3&flag=true&ids=1&ids=2&size=0.5")
    expected = {"note_id": "5", "text": "a", "count": 3, "flag": True, "ids": ["1", "2"], "size": 0.5}
    assert answer["bound"] == expected


async def test_the_path_wins_over_the_body_and_the_body_over_the_query(world: World) -> None:
    answer = await bound(world, {"note_id": 6, "count": 1}, "?count=2&note_id=7")
    assert answer["bound"] == {"note_id": "5", "count": 1}


async def test_a_null_in_the_body_leaves_what_the_query_says(world: World) -> None:
    assert (await bound(world, {"count": None}, "?count=2"))["bound"]["count"] == 2


async def test_unknown_fields_are_ignored(world: World) -> None:
    assert (await bound(world, {"Base": {"x": 1}, "isEdit": True}, "?what=1"))["bound"] == {"note_id": "5"}


async def test_an_empty_query_value_of_a_number_means_that_none_was_sent(world: World) -> None:
    assert (await bound(world, {}, "?workspace_id=&text="))["bound"] == {"note_id": "5", "text": ""}


@pytest.mark.parametrize(("sent", "read"), [(7, "7"), ("7", "7"), ("007", "7"), (-1, "-1"), (BIG - 1, str(BIG - 1))])
async def test_64_bit_integers_come_as_number_or_text(world: World, sent: Any, read: str) -> None:
    answer = await bound(world, {"workspace_id": sent, "ids": [sent], "inner": {"number": sent}})
    assert answer["bound"] == {"note_id": "5", "workspace_id": read, "ids": [read], "inner": {"number": read}}


@pytest.mark.parametrize("sent", [1.0, "1.0", True, "x", "", " 1", "1_0", "+1", "٣", BIG, -BIG - 1, 10**30, [], {}])
async def test_what_is_no_64_bit_integer_is_refused_by_name(world: World, sent: Any) -> None:
    for body, where in (({"workspace_id": sent}, "workspace_id"), ({"many": [{}, {"number": sent}]}, "many.1.number")):
        answer = await bound(world, body)
        assert answer["code"] == UNREADABLE
        assert answer["msg"].startswith(f"bad request,{where}: must")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("text", 5),
        ("text", ["a"]),
        ("count", "many"),
        ("count", 2**31),
        ("count", 1.5),
        ("count", True),
        ("size", "big"),
        ("size", True),
        ("flag", "perhaps"),
        ("flag", 2),
        ("ids", "1"),
        ("ids", {"a": 1}),
        ("ids", [None]),
        ("labels", ["a"]),
        ("labels", {"a": 1}),
        ("inner", "x"),
        ("inner", [1]),
        ("many", {"a": 1}),
    ],
)
async def test_a_value_of_another_type_is_refused_by_name(world: World, field: str, wrong: Any) -> None:
    answer = await bound(world, {field: wrong})
    assert answer["code"] == UNREADABLE
    assert answer["msg"].startswith(f"bad request,{field}")
    assert set(answer) == {"code", "msg"}


@pytest.mark.parametrize(
    ("body", "where"),
    [({"text": "x" * 11}, "text"), ({"count": 0}, "count"), ({"count": 101}, "count")],
)
async def test_a_value_over_its_limit_breaks_a_rule(world: World, body: dict[str, Any], where: str) -> None:
    answer = await bound(world, body)
    assert answer["code"] == RULE_BROKEN
    assert where in answer["msg"]


async def test_a_required_field_that_is_missing_is_named(world: World) -> None:
    async with world.client() as client:
        answer = (await client.post(NOTES, json={"workspace_id": "70"})).json()
    assert answer == {"code": RULE_BROKEN, "msg": "invalid param,text: is required"}


async def test_a_path_that_is_no_id_is_refused_by_name(world: World) -> None:
    for note in ("x", "5.0", "a.b", "*", "%3E", "with%20space", "%00", "9" * 40):
        answer = await bound(world, {}, note=note)
        assert answer["code"] in (UNREADABLE, RULE_BROKEN)
        assert "note_id" in answer["msg"]


@pytest.mark.parametrize("key", ["a.b", "*", ">", "with space", "ключ", "a\nb", "x" * 5000, "\ufffe"])
async def test_keys_and_texts_with_any_character_are_taken_as_they_are(world: World, key: str) -> None:
    answer = await bound(world, {"labels": {key: key}})
    assert answer["bound"]["labels"] == {key: key}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"text": "a\\u0000"}', "text"),
        (b'{"text": "\\ud800"}', "text"),
        (b'{"inner": {"text": "\\udfff x"}}', "inner.text"),
        (b'{"many": [{"text": "fine"}, {"text": "\\u0000"}]}', "many.1.text"),
        (b'{"labels": {"a\\u0000b": "x"}}', "labels."),
        (b'{"labels": {"\\ud83d": "x"}}', "labels."),
        (b'{"never_heard_of": "\\u0000"}', "never_heard_of"),
    ],
)
async def test_nul_and_lone_surrogates_are_refused_by_name(world: World, body: bytes, where: str) -> None:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/5", content=body, headers=JSON)
    assert response.status_code == 200
    assert response.json()["code"] == RULE_BROKEN
    assert where in response.json()["msg"]


async def test_a_text_that_only_speaks_of_nul_is_taken(world: World) -> None:
    assert (await bound(world, {"text": "\\u0000"}))["bound"]["text"] == "\\u0000"
    assert (await bound(world, {"text": "😀"}))["bound"]["text"] == "😀"


async def test_nul_in_the_query_is_refused_by_name(world: World) -> None:
    answer = await bound(world, {}, "?text=a%00b")
    assert answer == {"code": RULE_BROKEN, "msg": "invalid param,text: must not hold a NUL character"}


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'a': 1}", b"[1,2", b"\xff\xfe", b'{"a": 01}', b'{"a": NaN}', b"nonsense", b"{} {}", b"[" * 5000, b"\x00"],
)
async def test_what_is_not_json_is_refused(world: World, body: bytes) -> None:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/5", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (200, UNREADABLE)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"true"])
async def test_a_body_that_is_no_object_is_refused(world: World, body: bytes) -> None:
    async with world.client() as client:
        answer = (await client.post(f"{NOTES}/5", content=body, headers=JSON)).json()
    assert answer == {"code": UNREADABLE, "msg": "bad request,the body must be a JSON object"}


@pytest.mark.parametrize("body", [b"", b"  \n", b"null", b"{}"])
async def test_no_body_is_an_empty_one(world: World, body: bytes) -> None:
    async with world.client() as client:
        answer = (await client.post(f"{NOTES}/5", content=body, headers=JSON)).json()
    assert answer["bound"] == {"note_id": "5"}


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_of_another_content_type_is_refused(world: World, type_: str) -> None:
    async with world.client() as client:
        response = await client.post(f"{NOTES}/5", content=b'{"text":"a"}', headers={"content-type": type_})
    assert (response.status_code, response.json()["code"]) == (200, UNREADABLE)
    assert "Content-Type" in response.json()["msg"]


def test_the_content_type_may_carry_parameters() -> None:
    assert parse(b'{"a":1}', "Application/JSON; charset=utf-8") == {"a": 1}


def test_deeply_nested_json_is_refused_and_not_a_crash() -> None:
    with pytest.raises(ApiError):
        parse(b'{"a":' * 5000 + b"1" + b"}" * 5000, "application/json")


async def pieces(size: int, piece: int = 65536) -> AsyncIterator[bytes]:
    for _ in range(size // piece):
        yield b"x" * piece


@pytest.mark.parametrize(("path", "status"), [(f"{NOTES}/5", 200), ("/v1/loop/prompts/notes", 413)])
async def test_a_body_over_20_mib_is_refused(world: World, path: str, status: int) -> None:
    async with world.client() as client:
        response = await client.post(path, content=pieces(21 * 1024 * 1024), headers=JSON)
    assert response.status_code == status
    assert response.json()["code"] == 600500201


async def test_a_body_of_20_mib_is_read(world: World) -> None:
    text = "x" * (20 * 1024 * 1024 - 20)
    answer = await bound(world, {"other": text})
    assert answer["bound"] == {"note_id": "5"}


async def test_an_endless_body_is_cut_off() -> None:
    world = await World(max_body_bytes=1024).begin()
    async with world.client() as client:
        response = await client.post(f"{NOTES}/5", content=pieces(10 * 1024 * 1024), headers=JSON)
    assert response.json()["code"] == 600500201
