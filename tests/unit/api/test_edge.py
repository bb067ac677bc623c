"""Spaces, created ids, commands that are sent twice, positions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cozeloop.api.edge import derived_id
from tests.unit.api.fakes import NOTES, NoteWritten, World

NOTE = {"workspace_id": "70", "text": "a"}


async def write(world: World, body: Any = NOTE, user: str = "7", **headers: str) -> dict[str, Any]:
    async with world.client(user, **headers) as client:
        answer: dict[str, Any] = (await client.post(NOTES, json=body)).json()
    return answer


def notes(world: World) -> list[Any]:
    return [r for r in world.log.recorded if isinstance(r.event, NoteWritten)]


# --- spaces ---


async def test_a_member_enters_a_space(world: World) -> None:
    assert (await write(world))["code"] == 0


@pytest.mark.parametrize(
    ("space", "code"), [("80", 600500101), ("999", 600500101), ("0", 600500202), (None, 600500202)]
)
async def test_nobody_else_enters_it(world: World, space: str | None, code: int) -> None:
    assert (await write(world, {"workspace_id": space, "text": "a"}))["code"] == code
    assert not notes(world)


async def test_a_new_member_enters_at_once(world: World) -> None:
    assert (await write(world, {"workspace_id": "80", "text": "a"}))["code"] == 600500101
    await world.memory.admit("7", space="80")
    assert (await write(world, {"workspace_id": "80", "text": "a"}))["code"] == 0


async def get(world: World, note: str, user: str = "7", query: str = "") -> httpx.Response:
    async with world.client(user) as client:
        return await client.get(f"{NOTES}/{note}{query}")


async def test_the_space_comes_from_the_object(world: World) -> None:
    note = (await write(world))["note_id"]
    assert (await get(world, note)).json()["space"] == "70"
    assert (await get(world, note, query="?workspace_id=70")).json()["space"] == "70"
    assert (await get(world, note, query="?workspace_id=0")).json()["space"] == "70"


async def test_an_unknown_a_foreign_and_a_mislabelled_object_are_one_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cozeloop.api import refusals
    from tests.unit.api.fakes import NoteMissing

    monkeypatch.setattr(refusals, "codes", lambda: {NoteMissing: (600501001, "resource not found")})
    note = (await write(world))["note_id"]
    answers = [
        (await get(world, "12345")).json(),
        (await get(world, note, "8")).json(),
        (await get(world, note, query="?workspace_id=80")).json(),
        (await get(world, note, "8", "?workspace_id=80")).json(),
        (await get(world, note, "8", "?workspace_id=70")).json(),
    ]
    assert answers == [{"code": 600501001, "msg": "resource not found"}] * 5


# --- commands sent twice ---


async def test_without_a_key_a_request_sent_twice_is_two_commands(world: World) -> None:
    first, second = await write(world), await write(world)
    assert first["note_id"] != second["note_id"]


@pytest.mark.parametrize("by", ["header", "cid"])
async def test_a_request_sent_again_with_its_key_gives_the_same_answer(world: World, by: str) -> None:
    headers = {"idempotency-key": "k1"} if by == "header" else {}
    body = NOTE if by == "header" else {**NOTE, "cid": "k1"}
    first, second = await write(world, body, **headers), await write(world, body, **headers)
    assert first == second
    assert len(notes(world)) == 1


async def test_the_key_with_another_body_is_refused(world: World) -> None:
    await write(world, **{"idempotency-key": "k1"})
    answer = await write(world, {**NOTE, "text": "b"}, **{"idempotency-key": "k1"})
    assert answer["code"] == 600500204
    assert len(notes(world)) == 1


async def test_the_cid_with_another_body_is_another_command(world: World) -> None:
    first = await write(world, {**NOTE, "cid": "k1"})
    second = await write(world, {**NOTE, "cid": "k1", "text": "b"})
    assert first["note_id"] != second["note_id"]


async def test_the_same_key_of_another_caller_is_another_command(world: World) -> None:
    await world.memory.admit("8", space="70")
    first = await write(world, **{"idempotency-key": "k1"})
    second = await write(world, user="8", **{"idempotency-key": "k1"})
    assert first["note_id"] != second["note_id"]


async def test_a_key_over_its_limit_is_refused(world: World) -> None:
    answer = await write(world, **{"idempotency-key": "k" * 256})
    assert (answer["code"], "Idempotency-Key" in answer["msg"]) == (602000202, True)


async def test_a_key_survives_a_lost_answer(world: World) -> None:
    world.log.lose_next_answer = True
    first = await write(world, **{"idempotency-key": "k1"})
    assert await write(world, **{"idempotency-key": "k1"}) == first
    assert len(notes(world)) == 1


def test_derived_ids_are_positive_63_bit_numbers_and_differ() -> None:
    ids = {derived_id("c", i) for i in range(1000)}
    assert len(ids) == 1000
    assert all(0 < int(i) < 2**63 for i in ids)
    assert derived_id("c", 1) == derived_id("c", 1)


# --- positions ---


class Behind:
    """Read models that stand still at a position."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.waited: list[tuple[str, int]] = []

    def of(self, model: str) -> int:
        return self.position

    def changed(self, model: str) -> int:
        return self.position

    async def reached(self, model: str, position: int, timeout: float) -> bool:
        self.waited.append((model, position))
        return False


async def test_a_write_names_its_position(world: World) -> None:
    async with world.client() as client:
        response = await client.post(NOTES, json=NOTE)
    assert response.headers["x-log-position"] == "events:5"
    assert "x-read-lag" not in response.headers


async def test_a_write_whose_read_model_is_late_succeeded_and_says_so(world: World) -> None:
    behind = Behind(3)
    world.platform.positions = behind
    async with world.client() as client:
        response = await client.post(NOTES, json=NOTE)
    assert response.json()["code"] == 0
    assert response.headers["x-read-lag"] == "events:2"
    assert {name for name, _ in behind.waited} == {"prompts", "objects"}


@pytest.mark.parametrize("sent", [{"params": {"min_position": "events:9"}}, {"headers": {"x-min-position": "9"}}])
async def test_a_read_waits_for_the_position_that_the_caller_has_seen(world: World, sent: Any) -> None:
    behind = Behind(8)
    world.platform.positions = behind
    async with world.client() as client:
        response = await client.post(f"{NOTES}/list", json={}, **sent)
    assert response.json()["listed"] is True
    assert response.headers["x-read-lag"] == "events:1"
    assert {position for _, position in behind.waited} == {9}


@pytest.mark.parametrize("sent", ["x", "-1", "events:", "traces:4", "1e3", "9" * 30])
async def test_a_position_that_is_none_is_refused(world: World, sent: str) -> None:
    async with world.client() as client:
        answer = (await client.post(f"{NOTES}/list", params={"min_position": sent}, json={})).json()
    assert (answer["code"], "min_position" in answer["msg"]) == (602000202, True)


async def test_position_0_is_the_beginning_of_every_log(world: World) -> None:
    """Who reads from the beginning need not know that the log was restored, nor its name."""
    world.platform.log_name = "events-0123abcd"
    async with world.client() as client:
        asked = await client.post(f"{NOTES}/list", params={"min_position": "0"}, json={})
        assert asked.json()["code"] == 0
        named = await client.post(f"{NOTES}/list", params={"min_position": "events:0"}, json={})
        assert named.json()["code"] == 602000202


@pytest.mark.parametrize("sent", ["events:1", "events-0123abce:1", "1"])
async def test_a_position_of_a_log_before_this_one_is_refused(world: World, sent: str) -> None:
    """After a restore the same number is another event."""
    world.platform.log_name = "events-0123abcd"
    async with world.client() as client:
        answer = (await client.post(f"{NOTES}/list", params={"min_position": sent}, json={})).json()
        assert (answer["code"], "of a log before this one" in answer["msg"]) == (602000202, True)
        written = await client.post(NOTES, json=NOTE)
        assert written.headers["x-log-position"] == "events-0123abcd:5"
        own = await client.post(f"{NOTES}/list", params={"min_position": "events-0123abcd:1"}, json={})
        assert own.json()["listed"] is True
