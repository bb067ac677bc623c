"""Every protocol of model_config.yaml against a recorded endpoint that speaks its provider's own wire form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from infra.llm import Chat, LitellmGateway
from infra.llm.catalogue import parse_catalogue
from infra.llm.port import Delta
from tests.integration.llm import forms
from tests.integration.llm.endpoint import Answer, Endpoint

KEY = "sk-canary-0ddba11"
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Add one."},
    {"role": "assistant", "content": "", "tool_calls": [
        {"index": 0, "id": "t0", "type": "function", "function_call": {"name": "f", "arguments": '{"a": 0}'}}]},
    {"role": "tool", "tool_call_id": "t0", "content": "1"},
]  # fmt: skip
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "f", "description": "adds", "parameters": json.dumps(SCHEMA)}}
PARAMETERS = {"temperature": 0.5, "max_tokens": 64, "top_p": 0.9, "stop": ["END"]}


@dataclass(frozen=True)
class Form:
    """A protocol's configuration and what its request must look like."""

    answers: Mapping[str, Answer]
    path: str
    stream_path: str
    header: tuple[str, str]
    body: Mapping[str, Any]
    config: Mapping[str, Any]
    base: str = ""


def _openai(path: str, base: str = "", **config: Any) -> Form:
    call = {"id": "t0", "type": "function", "function": {"name": "f", "arguments": '{"a": 0}'}}
    body = {
        "model": "m-1",
        "messages": [*TALK[:2], {"role": "assistant", "tool_calls": [call]}, TALK[3]],
        "temperature": 0.5,
        "max_tokens": 64,
        "top_p": 0.9,
        "stop": ["END"],
        "tools": [{"type": "function", "function": {"name": "f", "description": "adds", "parameters": SCHEMA}}],
        "tool_choice": "auto",
    }
    return Form(forms.OPENAI, path, path, ("authorization", f"Bearer {KEY}"), body, config, base)


_CLAUDE_BODY = {
    "model": "m-1",
    "system": [{"type": "text", "text": "Be kind."}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Add one."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t0", "name": "f", "input": {"a": 0}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t0", "content": "1"}]},
    ],
    "temperature": 0.5,
    "max_tokens": 64,
    "top_p": 0.9,
    "stop_sequences": ["END"],
    "tools": [{"name": "f", "description": "adds", "input_schema": SCHEMA, "type": "custom"}],
    "tool_choice": {"type": "auto"},
}
_GEMINI_BODY = {
    "system_instruction": {"parts": [{"text": "Be kind."}]},
    "generationConfig": {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 64, "stop_sequences": ["END"]},
    "tools": [{"function_declarations": [{"name": "f", "description": "adds", "parameters": SCHEMA}]}],
}
_OLLAMA_BODY = {
    "model": "m-1",
    "options": {"temperature": 0.5, "top_p": 0.9, "num_predict": 64, "stop": ["END"]},
    "keep_alive": "90000ms",
    "tools": [{"type": "function", "function": {"name": "f", "description": "adds", "parameters": SCHEMA}}],
}
_BEDROCK_BODY = {
    "system": [{"text": "Be kind."}],
    "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "maxTokens": 64, "stopSequences": ["END"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "description": "adds", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"auto": {}},
    },
}
_AWS = {"by_bedrock": True, "access_key": "AKIDEXAMPLE", "secret_access_key": KEY, "region": "us-east-1"}

FORMS = {
    "openai": _openai("/v1/chat/completions", "/v1"),
    "deepseek": _openai("/chat/completions"),
    "qwen": _openai("/compatible-mode/v1/chat/completions", "/compatible-mode/v1"),
    "qianfan": _openai("/v2/chat/completions", "/v2"),
    "ark": _openai("/api/v3/chat/completions", "/api/v3"),
    "arkbot": _openai("/api/v3/bots/chat/completions", "/api/v3"),
    "claude": Form(forms.CLAUDE, "/v1/messages", "/v1/messages", ("x-api-key", KEY), _CLAUDE_BODY, {}),
    "anthropic": Form(forms.CLAUDE, "/v1/messages", "/v1/messages", ("x-api-key", KEY), _CLAUDE_BODY, {}, "/v1"),
    "gemini": Form(
        forms.GEMINI,
        "/v1beta/models/m-1:generateContent",
        "/v1beta/models/m-1:streamGenerateContent?alt=sse",
        ("x-goog-api-key", KEY),
        _GEMINI_BODY,
        {},
    ),
    "ollama": Form(
        forms.OLLAMA,
        "/api/chat",
        "/api/chat",
        ("authorization", f"Bearer {KEY}"),
        _OLLAMA_BODY,
        {"protocol_config_ollama": {"keep_alive_ms": 90000}},
    ),
    "azure": Form(
        forms.OPENAI,
        "/openai/deployments/m-1/chat/completions?api-version=2024-06-01",
        "/openai/deployments/m-1/chat/completions?api-version=2024-06-01",
        ("api-key", KEY),
        _openai("").body,
        {"protocol": "openai", "protocol_config_openai": {"by_azure": True, "api_version": "2024-06-01"}},
    ),
    "bedrock": Form(
        forms.BEDROCK,
        "/model/m-1/converse",
        "/model/m-1/converse-stream",
        ("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        _BEDROCK_BODY,
        {"protocol": "claude", "protocol_config_claude": _AWS},
    ),
}


@pytest.fixture(params=FORMS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def recorded(name: str, what: str) -> AsyncIterator[tuple[LitellmGateway, Endpoint]]:
    form = FORMS[name]
    async with Endpoint([form.answers[what]]) as endpoint:
        config = {"protocol": name, **form.config}
        protocol = config.pop("protocol")
        url = f"http://127.0.0.1:{endpoint.port}{form.base}"
        model = {"id": 1, "name": "it", "protocol": protocol,
                 "protocol_config": {"base_url": url, "api_key": KEY, "model": "m-1", **config}}  # fmt: skip
        gateway = LitellmGateway(parse_catalogue(json.dumps({"models": [model]}), {}), timeout=20)
        try:
            yield gateway, endpoint
        finally:
            await gateway.aclose()


def call(**more: Any) -> Chat:
    return Chat("1", TALK, PARAMETERS, [TOOL], tool_choice="auto", **more)


async def pieces(gateway: LitellmGateway) -> list[Delta]:
    return [piece async for piece in gateway.stream(call())]


def assert_asked(name: str, endpoint: Endpoint, path: str, streams: bool) -> None:
    [seen] = endpoint.seen
    assert seen.path == path
    header, value = FORMS[name].header
    assert seen.headers[header].startswith(value)
    assert {k: seen.body.get(k) for k in FORMS[name].body} == FORMS[name].body
    if FORMS[name].answers is forms.OPENAI:
        options = {"stream": True, "stream_options": {"include_usage": True}} if streams else {}
        assert seen.body == FORMS[name].body | options, "nothing else is sent"


async def test_a_whole_answer(name: str) -> None:
    async with recorded(name, "text") as (gateway, endpoint):
        reply = await gateway.chat(call())
        assert_asked(name, endpoint, FORMS[name].path, streams=False)
        assert reply.message == {"role": "assistant", "content": "Hello there"}
        assert (reply.finish_reason, reply.input_tokens, reply.output_tokens) == ("stop", 11, 3)


async def test_an_answer_in_pieces_with_its_tokens_at_the_end(name: str) -> None:
    async with recorded(name, "text in pieces") as (gateway, endpoint):
        *said, last = await pieces(gateway)
        assert_asked(name, endpoint, FORMS[name].stream_path, streams=True)
        assert [piece.content for piece in said] == ["Hello", " there"]
        assert last == Delta(finish_reason="stop", input_tokens=11, output_tokens=3)


async def test_a_tool_call(name: str) -> None:
    async with recorded(name, "call") as (gateway, _):
        reply = await gateway.chat(call())
        [made] = reply.message["tool_calls"]
        assert (made["type"], made["function"]["name"]) == ("function", "f")
        assert json.loads(made["function"]["arguments"]) == {"a": 1}
        assert made["id"]
        assert reply.finish_reason == "tool_calls"


async def test_a_tool_call_in_pieces(name: str) -> None:
    async with recorded(name, "call in pieces") as (gateway, _):
        *said, last = await pieces(gateway)
        parts = [part for piece in said for part in piece.tool_calls]
        assert {part["index"] for part in parts} == {0}
        assert [part["function"]["name"] for part in parts if part["function"].get("name")] == ["f"]
        assert parts[0]["id"]
        assert json.loads("".join(part["function"].get("arguments") or "" for part in parts)) == {"a": 1}
        assert (last.finish_reason, last.input_tokens, last.output_tokens) == ("tool_calls", 11, 3)
