"""A judge asked through the gateway at a real endpoint: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from cozeloop.judging.judge import TOOL, judge
from infra.llm import LitellmGateway
from infra.llm.catalogue import parse_catalogue
from tests.e2e.models import Answer, Endpoint, catalogue_of
from tests.unit.evaluators.judges import judge_content, text, tool

NO_CALL, OUTPUT_INVALID, EMPTY = 601205025, 601205015, 601205024


def calls(messages: list[dict[str, Any]]) -> Answer:
    """Calls the function that the user's message names with what it says behind the name."""
    name, _, arguments = messages[-1]["content"].partition(" ")
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return 200, {"content": None, "tool_calls": [call]}


def writes(messages: list[dict[str, Any]]) -> Answer:
    """Writes the user's message."""
    return 200, messages[-1]["content"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint({"calls": calls, "writes": writes}) as served:
        yield served


@pytest.fixture
async def gateway(endpoint: Endpoint) -> AsyncIterator[LitellmGateway]:
    gateway = LitellmGateway(parse_catalogue(catalogue_of(endpoint, ["calls", "writes"]), {}))
    yield gateway
    await gateway.aclose()


async def test_a_judge_with_a_tool_is_given_it_and_its_call_is_the_verdict(
    endpoint: Endpoint, gateway: LitellmGateway
) -> None:
    said = 'eval {"score": 0.333, "reason": "a third"}'
    judgement = await judge(gateway, "7", judge_content(tools=[TOOL]), {"input": text(said)})
    assert (judgement.score, judgement.reason, judgement.code) == (0.33, "a third", 0)
    asked = endpoint.last["calls"]
    assert asked["temperature"] == 0.1
    [sent] = asked["tools"]
    assert (sent["type"], sent["function"]["name"]) == ("function", "eval")
    assert sent["function"]["parameters"]["properties"]["score"]["maximum"] == 1
    assert json.loads(judgement.asked) == asked["messages"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('grade {"score": 1, "reason": "x"}', NO_CALL),
        ('eval {"score": 6, "reason": "x"}', OUTPUT_INVALID),
        ("eval good", OUTPUT_INVALID),
        ("eval", EMPTY),
    ],
)
async def test_a_call_that_is_no_verdict_is_an_error_and_its_tokens_are_told(
    gateway: LitellmGateway, said: str, code: int
) -> None:
    content = judge_content(tools=[tool(minimum=1, maximum=5)])
    judgement = await judge(gateway, "7", content, {"input": text(said)})
    assert (judgement.score, judgement.code, judgement.input_tokens) == (None, code, 7)


async def test_a_judge_without_a_tool_is_given_none(endpoint: Endpoint, gateway: LitellmGateway) -> None:
    content = judge_content(model_id="2", output_schemas=[{"key": "score", "json_schema": '{"enum": [0, 2]}'}])
    judgement = await judge(gateway, "7", content, {"input": text('{"score": 2, "reason": "x"}')})
    assert (judgement.score, judgement.output_tokens) == (2.0, 4)
    assert "tools" not in endpoint.last["writes"]
    assert "one of 0, 2" in endpoint.last["writes"]["messages"][0]["content"]


async def test_what_cannot_be_asked_is_an_error_without_a_call(endpoint: Endpoint, gateway: LitellmGateway) -> None:
    schema = {"key": "input", "json_schema": '{"type": "integer"}'}
    judgement = await judge(gateway, "7", judge_content(input_schemas=[schema]), {"input": text("x")})
    assert (judgement.code, judgement.asked, endpoint.calls.total()) == (601205004, "", 0)
    unknown = await judge(gateway, "7", judge_content(model_id="9"), {})
    assert (unknown.code, endpoint.calls.total()) == (601505005, 0)
    assert json.loads(unknown.asked)[0]["role"] == "system"
