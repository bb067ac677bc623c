"""The gateway against a real HTTP endpoint: what it sends, when it tries again, and that no secret gets out."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infra.llm import Chat, LitellmGateway, ModelFailed, Reply, Retries
from infra.llm.catalogue import parse_catalogue
from tests.integration.llm.endpoint import Answer, Endpoint, Seen, completion

CANARY = "sk-canary-71c0ffee"
HELLO = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}]
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


def configured(port: int, protocol: str = "openai", **config: Any) -> str:
    models = [
        {
            "id": 1,
            "name": "recorded",
            "protocol": protocol,
            "protocol_config": {
                "base_url": f"http://127.0.0.1:{port}/v1",
                "api_key": CANARY,
                "model": "recorded-1",
                **config,
            },
        },
        {"id": 2, "name": "far", "protocol": "telepathy", "protocol_config": {"model": "c", "api_key": CANARY}},
        {
            "id": 3,
            "name": "bound",
            "workspace_id": 55,
            "protocol": "openai",
            "protocol_config": {"model": "m", "base_url": f"http://127.0.0.1:{port}/v1"},
            "scenario_configs": {"evaluator": {"unavailable": True}},
        },
    ]
    return json.dumps({"models": models})


class World:
    """A gateway and the endpoint behind it; waits between attempts are noted instead of waited for."""

    def __init__(self, endpoint: Endpoint, timeout: float, config: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.waits: list[float] = []
        self.gateway = LitellmGateway(
            parse_catalogue(configured(endpoint.port, **config), {}),
            timeout=timeout,
            retries=Retries(attempts=3, base=1.0, longest=30.0),
            sleep=self._sleep,
            chance=lambda: 1.0,
            clock=lambda: 0.0,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    @property
    def seen(self) -> list[Seen]:
        return self.endpoint.seen

    async def chat(self, model_id: str = "1", **call: Any) -> Reply:
        return await self.gateway.chat(Chat(model_id, HELLO, **call))

    async def refused(self, model_id: str = "1", **call: Any) -> ModelFailed:
        with pytest.raises(ModelFailed) as caught:
            await self.chat(model_id, **call)
        return caught.value


@asynccontextmanager
async def world(*answers: Answer, timeout: float = 20.0, **config: Any) -> AsyncIterator[World]:
    async with Endpoint(answers or [completion()]) as endpoint:
        made = World(endpoint, timeout, config)
        try:
            yield made
        finally:
            await made.gateway.aclose()


async def test_an_answer_comes_with_its_usage() -> None:
    async with world(completion("hi there", usage=USAGE)) as w:
        reply = await w.chat()
        assert reply.message == {"role": "assistant", "content": "hi there"}
        assert (reply.finish_reason, reply.input_tokens, reply.output_tokens) == ("stop", 11, 3)
        assert w.waits == []


async def test_the_request_is_openai_s_wire_form_with_the_configured_key() -> None:
    schemas = {"param_schemas": [{"name": "search", "type": "boolean", "json_path": "options.search"}]}
    async with Endpoint([completion()]) as endpoint:
        document = json.loads(configured(endpoint.port))
        document["models"][0]["param_config"] = schemas
        gateway = LitellmGateway(parse_catalogue(json.dumps(document), {}))
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        parameters = {
            "temperature": 0.5,
            "max_tokens": "64",
            "top_k": 4,
            "top_p": 0.9,
            "json_mode": True,
            "param_config_values": [{"name": "search", "value": {"value": "true"}}],
        }
        await gateway.chat(Chat("1", HELLO, parameters, [tool]))
        await gateway.aclose()
    (seen,) = endpoint.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {CANARY}"
    assert seen.body == {
        "model": "recorded-1",
        "messages": HELLO,
        "temperature": 0.5,
        "max_tokens": 64,
        "top_k": 4,
        "top_p": 0.9,
        "response_format": {"type": "json_object"},
        "options": {"search": True},
        "tools": [tool],
    }


async def test_tool_calls_and_thoughts_are_part_of_the_message() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    async with world(completion(None, "tool_calls", USAGE, tool_calls=[call], reasoning_content="hm")) as w:
        reply = await w.chat()
        assert reply.message["content"] is None
        assert reply.message["reasoning_content"] == "hm"
        assert reply.finish_reason == "tool_calls"
        (made,) = reply.message["tool_calls"]
        assert {k: made[k] for k in call} == call


async def test_an_answer_without_usage_counts_nothing() -> None:
    async with world(completion()) as w:
        reply = await w.chat()
        assert (reply.input_tokens, reply.output_tokens) == (0, 0)


async def test_what_no_database_takes_is_replaced_in_the_answer() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "\0"}}
    usage = {"prompt_tokens": -3, "completion_tokens": 10**12, "total_tokens": 1}
    async with world(completion("a\0b\ud83dc\U0001f600", usage=usage, tool_calls=[call])) as w:
        reply = await w.chat()
        assert reply.message["content"] == "a\ufffdb\ufffdc\U0001f600"
        assert reply.message["tool_calls"][0]["function"]["arguments"] == "\ufffd"
        assert (reply.input_tokens, reply.output_tokens) == (0, 2**31 - 1)


async def test_loopback_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with world() as w:
        assert (await w.chat()).message["content"] == "hello"


async def test_connections_are_used_again_and_calls_run_side_by_side() -> None:
    async with world(completion(usage=USAGE)) as w:
        replies = await asyncio.gather(*(w.chat() for _ in range(20)))
        assert len(replies) == len(w.seen) == 20


async def test_429_waits_as_long_as_the_endpoint_asks() -> None:
    async with world(Answer(429, "slow down", {"retry-after": "7"}), completion()) as w:
        assert (await w.chat()).message["content"] == "hello"
        assert w.waits == [7.5]
        assert len(w.seen) == 2


async def test_a_longer_wait_than_allowed_is_not_waited() -> None:
    async with world(Answer(429, "slow down", {"retry-after": "3600"})) as w:
        error = await w.refused()
        assert (error.code, error.retryable) == (601505009, True)
        assert str(error) == "model recorded: the endpoint answered 429: slow down"
        assert (w.waits, len(w.seen)) == ([], 1)


async def test_server_errors_are_tried_again_with_doubled_waits() -> None:
    async with world(Answer(500), Answer(503), completion()) as w:
        assert (await w.chat()).message["content"] == "hello"
        assert w.waits == [1.0, 2.0]


async def test_attempts_end() -> None:
    async with world(Answer(502, "<html>bad gateway</html>")) as w:
        error = await w.refused()
        said = "model recorded after 3 attempts: the endpoint answered 502: <html>bad gateway</html>"
        assert (str(error), error.code, error.retryable) == (said, 601505009, True)
        assert len(w.seen) == 3


async def test_a_wrong_key_is_final_and_not_shown() -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {CANARY}.", "code": "invalid_api_key"}})
    async with world(Answer(401, body)) as w:
        error = await w.refused()
        assert str(error) == "model recorded: the endpoint answered 401: Incorrect API key provided: ***."
        assert (error.code, error.retryable, len(w.seen)) == (601505009, False, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_refused_request_is_final(status: int) -> None:
    async with world(Answer(status, '{"error": {"message": "context too long"}}')) as w:
        error = await w.refused()
        assert str(error) == f"model recorded: the endpoint answered {status}: context too long"
        assert (error.code, error.retryable, len(w.seen)) == (601505009, False, 1)


async def test_a_redirect_is_not_followed() -> None:
    async with Endpoint([completion()]) as other:
        async with world(Answer(307, "", {"location": f"http://127.0.0.1:{other.port}/v1/chat/completions"})) as w:
            assert "answered 307" in str(await w.refused())
        assert other.seen == []


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "{ not json"),
        Answer(200, ""),
        Answer(200, "<html>welcome</html>", {"content-type": "text/html"}),
        Answer(200, "[]"),
        Answer(200, "null"),
        Answer(200, "{}"),
        Answer(200, '{"choices": []}'),
        Answer(200, '{"choices": [{}]}'),
        Answer(200, '{"choices": null, "error": {"message": "x"}}'),
        Answer(200, '{"error": {"message": "oops"}}'),
        Answer(200, '{"choices": "none"}'),
    ],
    ids=lambda a: a.body or "nothing",
)
async def test_an_answer_that_is_no_completion_is_an_error_of_its_own(answer: Answer) -> None:
    async with world(answer) as w:
        error = await w.refused()
        assert (error.code, error.retryable, len(w.seen)) == (601505010, False, 1)


async def test_a_silent_endpoint_ends_in_a_timeout() -> None:
    async with world(Answer(silent=True), timeout=0.2) as w:
        error = await w.refused()
        assert str(error) == "model recorded: no answer within 0.2 s"
        assert (error.code, error.retryable) == (601505012, True)
        assert w.waits == []


async def test_the_catalogue_s_timeout_comes_before_the_gateway_s() -> None:
    async with world(Answer(silent=True), timeout=60, timeout_ms=100) as w:
        assert "no answer within 0.1 s" in str(await w.refused())


async def test_a_cancelled_call_ends_at_once_and_the_next_one_works() -> None:
    async with world(Answer(silent=True), completion()) as w:
        task = asyncio.create_task(w.chat())
        await w.endpoint.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await w.chat()).message["content"] == "hello"


async def test_a_cut_connection_is_tried_again() -> None:
    async with world(Answer(cut=True), completion()) as w:
        assert (await w.chat()).message["content"] == "hello"
        assert w.waits == [1.0]


async def test_a_refused_connection_is_tried_again_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with world(base_url=f"http://127.0.0.1:{port}/v1") as w:
        error = await w.refused()
        assert str(error).startswith("model recorded after 3 attempts: the endpoint cannot be reached (")
        assert (error.code, error.retryable, w.waits) == (601505009, True, [1.0, 2.0])


async def test_a_model_without_a_key_never_sends_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    async with world(api_key="") as w:
        await w.chat()
        assert CANARY not in json.dumps(w.seen[0].headers)


@pytest.mark.parametrize("key", [f"{CANARY}\n{CANARY}", f"{CANARY}\u00fc", f"{CANARY}\0"])
async def test_a_key_that_no_header_takes_is_an_error_without_it(key: str) -> None:
    async with world(api_key=key) as w:
        error = await w.refused()
        assert CANARY not in str(error)
        assert w.seen == []


async def test_an_address_that_cannot_be_called_is_an_error_of_the_configuration() -> None:
    async with world(base_url="http://a b/v1") as w:
        assert (await w.refused()).code in (601505006, 601505009)


async def test_unknown_and_foreign_and_unavailable_models_are_refused_before_any_call() -> None:
    async with world() as w:
        assert (await w.refused("9")).code == 601505005
        assert str(await w.refused("3")) == "model 3 is not configured"
        assert (await w.refused("3", space_id="54")).code == 601505005
        assert "not available for evaluator" in str(await w.refused("3", space_id="55", scenario="evaluator"))
        assert w.seen == []
        assert (await w.chat("3", space_id="55")).message["content"] == "hello"


async def test_another_protocol_says_so() -> None:
    async with world() as w:
        error = await w.refused("2")
        assert str(error).startswith("there is no protocol telepathy")
        assert error.code == 601505006


def test_lists_show_the_models_of_a_space_and_scenario() -> None:
    gateway = LitellmGateway(parse_catalogue(configured(1), {}))
    assert [m["model_id"] for m in gateway.list("55", "default")] == ["1", "2", "3"]
    assert [m["model_id"] for m in gateway.list("55", "evaluator")] == ["1", "2"]
    assert [m["model_id"] for m in gateway.list("54", "default")] == ["1", "2"]
    assert gateway.get("9") is None
    assert gateway.get("3", "54") is None
    found = gateway.get("3", "55")
    assert found is not None
    assert found["name"] == "bound"


async def test_the_key_is_in_no_error_log_or_repr(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": {"message": f"key {CANARY} is bad", "type": "x"}})
    texts: list[str] = []
    troubles = [Answer(401, echo), Answer(500, echo), Answer(200, f"{{ {CANARY}"), Answer(200, echo), Answer(cut=True)]
    for trouble in troubles:
        async with world(trouble) as w:
            error = await w.refused()
            texts += [str(error), repr(error), "".join(traceback.format_exception(error)), repr(w.gateway)]
            assert error.__context__ is None
            assert error.__cause__ is None
    printed = capfd.readouterr()
    texts += [caplog.text, printed.out, printed.err, *(repr(r.args) for r in caplog.records)]
    assert [t for t in texts if CANARY in t] == []
