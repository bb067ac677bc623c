"""The quotas of model_config.yaml hold for each model and scenario: without patience a refusal, with it a turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infra.cache.limits import ProcessLimits
from infra.llm import Chat, LitellmGateway, ModelFailed, Retries
from infra.llm.catalogue import parse_catalogue
from infra.llm.patience import PatientModels
from tests.integration.llm.endpoint import Answer, Endpoint, completion
from tests.integration.llm.forms import OPENAI

HELLO = [{"role": "user", "content": "hello"}]
QUOTAS = {
    "default": {"quota": {"qpm": 0}},
    "evaluator": {"quota": {"qpm": 3}},
    "eval_target": {"quota": {"qpm": 2, "tpm": 100}},
    "prompt_debug": {"unavailable": False},
}


class World:
    """Time stands still but for what is slept."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.now = 1000.0
        self.endpoint = endpoint
        form = {
            "protocol": "openai",
            "protocol_config": {"base_url": f"http://127.0.0.1:{endpoint.port}", "model": "m"},
        }
        models = [{"id": i, "name": f"m{i}", **form, "scenario_configs": QUOTAS} for i in (1, 2)]
        self.gateway = LitellmGateway(
            parse_catalogue(json.dumps({"models": models}), {}),
            limits=ProcessLimits(lambda: self.now),
            retries=Retries(attempts=2),
            sleep=self._sleep,
            chance=lambda: 1.0,
        )

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    async def calls(self, n: int, scenario: str, model: str = "1", **more: object) -> list[int]:
        """0 for each answer, the code of each refusal."""
        codes = []
        for _ in range(n):
            try:
                await self.gateway.chat(Chat(model, HELLO, scenario=scenario, **more))  # type: ignore[arg-type]
                codes.append(0)
            except ModelFailed as error:
                codes.append(error.code if error.retryable else -error.code)
        return codes


@asynccontextmanager
async def world(*answers: Answer) -> AsyncIterator[World]:
    async with Endpoint(answers or [completion()]) as endpoint:
        made = World(endpoint)
        try:
            yield made
        finally:
            await made.gateway.aclose()


async def test_what_is_beyond_the_calls_of_a_minute_is_refused_and_not_sent() -> None:
    async with world() as w:
        assert await w.calls(5, "evaluator") == [0, 0, 0, 601505003, 601505003]
        assert len(w.endpoint.seen) == 3
        w.now += 20
        assert await w.calls(2, "evaluator") == [0, 601505003]
        w.now += 60
        assert await w.calls(4, "evaluator") == [0, 0, 0, 601505003]


async def test_each_model_and_scenario_has_a_quota_of_its_own() -> None:
    async with world() as w:
        assert await w.calls(4, "evaluator") == [0, 0, 0, 601505003]
        assert await w.calls(1, "evaluator", model="2") == [0]
        assert await w.calls(1, "eval_target") == [0]


@pytest.mark.parametrize("scenario", ["default", "prompt_debug", "prompt_as_a_service"])
async def test_no_quota_and_a_quota_of_zero_are_no_limit(scenario: str) -> None:
    async with world() as w:
        assert await w.calls(20, scenario) == [0] * 20


async def test_the_refusal_names_model_quota_and_scenario() -> None:
    async with world() as w:
        await w.calls(3, "evaluator")
        with pytest.raises(ModelFailed, match="model m1: the quota of 3 calls a minute for evaluator is used up"):
            await w.gateway.chat(Chat("1", HELLO, scenario="evaluator"))


async def test_who_has_patience_waits_for_a_turn() -> None:
    async with world() as w:
        assert await w.calls(7, "evaluator", patience=30.0) == [0] * 7
        assert w.now == pytest.approx(1080, abs=0.01)


async def test_of_many_at_once_each_gets_a_turn_of_its_own_and_none_fails() -> None:
    async with world() as w:
        patient = PatientModels(w.gateway, 600)
        await asyncio.gather(*(patient.chat(Chat("1", HELLO, scenario="evaluator")) for _ in range(12)))
        assert len(w.endpoint.seen) == 12
        assert await w.calls(1, "evaluator") == [601505003]


async def test_tokens_are_counted_as_they_were_used() -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45}
    async with world(completion(usage=usage)) as w:
        assert await w.calls(1, "eval_target", parameters={"max_tokens": 90}) == [0]
        assert await w.calls(1, "eval_target", parameters={"max_tokens": 56}) == [601505004]
        assert await w.calls(1, "eval_target", parameters={"max_tokens": 50}) == [0]
        w.now += 60
        assert await w.calls(1, "eval_target", parameters={"max_tokens": 101}) == [0], "one call may use all of it"


async def test_more_tokens_than_are_left_are_refused_and_cost_no_call() -> None:
    usage = {"prompt_tokens": 60, "completion_tokens": 5, "total_tokens": 65}
    async with world(completion(usage=usage)) as w:
        asked = {"parameters": {"max_tokens": 50}}
        assert await w.calls(3, "eval_target", **asked) == [0, 601505004, 601505004]
        assert await w.calls(2, "eval_target", parameters={"max_tokens": 10}) == [0, 601505003]


async def test_a_failed_call_gives_its_tokens_back() -> None:
    async with world(Answer(400, "{}"), completion()) as w:
        asked = {"parameters": {"max_tokens": 100}}
        with pytest.raises(ModelFailed, match="answered 400"):
            await w.gateway.chat(Chat("1", HELLO, scenario="eval_target", **asked))  # type: ignore[arg-type]
        assert await w.calls(1, "eval_target", **asked) == [0]


async def test_each_attempt_counts_as_a_call_and_waits_its_turn() -> None:
    async with world(Answer(503, "{}"), completion()) as w:
        assert await w.calls(2, "evaluator") == [0, 0]
        assert len(w.endpoint.seen) == 3
        assert await w.calls(1, "evaluator") == [601505003]


async def test_a_streamed_answer_counts_as_any_other() -> None:
    async with world(OPENAI["text in pieces"]) as w:
        patient = PatientModels(w.gateway, 600)
        for _ in range(3):
            said = [p.content async for p in patient.stream(Chat("1", HELLO, scenario="evaluator"))]
            assert said == ["Hello", " there", ""]
        assert await w.calls(1, "evaluator") == [601505003]
