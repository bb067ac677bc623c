"""The demo's endpoint is a real one: called through the gateway, it answers by what the prompt says."""

from __future__ import annotations

import httpx
import pytest

from cozeloop.demo import story
from cozeloop.demo.rule_model import RuleModel
from infra.llm import Chat, LitellmGateway
from infra.llm.catalogue import parse_catalogue


@pytest.fixture
def served():
    with RuleModel() as model:
        yield model


async def test_the_strict_prompt_scores_better_through_the_gateway(served: RuleModel) -> None:
    gateway = LitellmGateway(parse_catalogue(served.catalogue(), {}))
    right = dict.fromkeys((story.VAGUE, story.STRICT), 0)
    for prompt in right:
        for row in story.tickets():
            messages = [{"role": "system", "content": prompt}, {"role": "user", "content": row["input"]}]
            reply = await gateway.chat(Chat("1", messages))
            right[prompt] += reply.message["content"] == row["reference_output"]
            assert reply.input_tokens > reply.output_tokens > 0
    await gateway.aclose()
    assert right == {story.VAGUE: 8, story.STRICT: 31}
    assert served.calls == 72
    assert served.input_tokens > served.output_tokens > 0


def test_it_lists_itself(served: RuleModel) -> None:
    assert [m["id"] for m in httpx.get(f"{served.base_url}/models").json()["data"]] == ["rule-model"]


@pytest.mark.parametrize("body", ["{", "[]", "null", "{}", '{"messages": 3}', '{"messages": [3]}'])
def test_what_is_no_conversation_is_refused_in_openai_s_form(served: RuleModel, body: str) -> None:
    answer = httpx.post(f"{served.base_url}/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "messages must be a list of messages"
    assert served.calls == 0


def test_it_does_not_stream(served: RuleModel) -> None:
    body = {"stream": True, "messages": [{"role": "user", "content": "x"}]}
    answer = httpx.post(f"{served.base_url}/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "this model does not stream")


def test_it_ends_and_frees_its_port() -> None:
    with RuleModel() as model:
        port = model.port
    with RuleModel(port) as again:
        assert httpx.get(f"{again.base_url}/models").status_code == 200
