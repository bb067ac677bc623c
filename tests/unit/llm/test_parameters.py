"""A call in Coze Loop's names becomes the arguments of OpenAI's wire form."""

from __future__ import annotations

from typing import Any

import pytest

from infra.llm.catalogue import parse_catalogue
from infra.llm.model import Model
from infra.llm.parameters import arguments
from infra.llm.port import Chat, ModelFailed
from infra.llm.protocols import base_url, translated

HELLO = [{"role": "user", "content": "hello"}]


def model(text: str = "", protocol: str = "openai", config: str = "model: gpt") -> Model:
    document = f"models:\n- id: 7\n  name: m\n  protocol: {protocol}\n  protocol_config: {{{config}}}\n{text}"
    return parse_catalogue(document, {}).models[0]


def made(model: Model, tools: Any = (), messages: Any = HELLO, **parameters: Any) -> dict[str, Any]:
    answer = arguments(model, Chat("7", messages, parameters, tools))
    assert answer.pop("messages") == messages
    return answer


def refused(model: Model, **call: Any) -> tuple[int, str]:
    with pytest.raises(ModelFailed) as caught:
        made(model, **call)
    return caught.value.code, str(caught.value)


def test_the_contract_s_names_are_passed_on_with_their_types() -> None:
    given = {
        "temperature": "0.5",
        "max_tokens": "100",
        "top_p": 1,
        "top_k": 4,
        "presence_penalty": 0.1,
        "frequency_penalty": None,
        "stop": ["x"],
        "model_id": "7",
        "thinking": {"enable": True},
        "extra": "{}",
    }
    assert made(model(), **given) == {
        "temperature": 0.5,
        "max_tokens": 100,
        "top_p": 1.0,
        "top_k": 4,
        "presence_penalty": 0.1,
        "stop": ["x"],
    }


def test_zero_tokens_and_top_k_mean_unset() -> None:
    assert made(model(), max_tokens=0, top_k=0, temperature=0) == {"temperature": 0.0}


def test_defaults_of_the_catalogue_fill_what_the_call_leaves_out() -> None:
    configured = model("  param_config: {param_schemas: [{name: temperature, default_val: 0.7}, {name: top_p}]}\n")
    assert made(configured) == {"temperature": 0.7}
    assert made(configured, temperature=0) == {"temperature": 0.0}


def test_json_mode_asks_for_a_json_object() -> None:
    assert made(model(), json_mode=True) == {"response_format": {"type": "json_object"}}
    assert made(model(), json_mode=False) == {}


def test_the_catalogue_s_response_format_holds_unless_the_call_asks() -> None:
    details = "protocol_config_openai: {response_format_type: json_schema, response_format_json_schema: '{\"a\": 1}'}"
    configured = model(config=f"model: gpt, {details}")
    assert made(configured)["response_format"] == {"type": "json_schema", "json_schema": {"a": 1}}
    assert made(configured, json_mode=True)["response_format"] == {"type": "json_object"}


def test_described_parameters_go_to_their_place_in_the_body() -> None:
    schemas = """
  param_config:
    param_schemas:
    - {name: thinking, type: string, json_path: $.thinking.type}
    - {name: budget, type: int, jsonpath: thinking.budget_tokens}
    - {name: search, type: boolean}
    - {name: nothing, type: void}
    - {name: temperature, type: float}
"""
    values = [
        {"name": "thinking", "value": {"value": "enabled", "label": "on"}},
        {"name": "budget", "value": {"value": "1024"}},
        {"name": "search", "value": {"value": "true"}},
        {"name": "nothing", "value": {"value": "x"}},
        {"name": "temperature", "value": {"value": "0.1"}},
        {"name": "unknown", "value": {"value": "x"}},
        {"name": "search"},
    ]
    assert made(model(schemas), param_config_values=values) == {
        "temperature": 0.1,
        "extra": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "search": True},
    }


def test_custom_headers_are_sent() -> None:
    configured = model(protocol="ark", config="model: gpt, protocol_config_ark: {custom_headers: {X-Team: blue}}")
    assert made(configured) == {"extra_headers": {"X-Team": "blue"}}


@pytest.mark.parametrize(
    ("name", "value"), [("max_tokens", "many"), ("max_tokens", 1.5), ("temperature", []), ("stop", 3)]
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name: str, value: Any) -> None:
    code, text = refused(model(), **{name: value})
    assert code == 601505007
    assert name in text


def test_what_the_ability_denies_is_refused() -> None:
    plain = model("  ability: {max_context_tokens: 5}\n")
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]
    assert refused(plain, tools=[{"type": "function"}])[0] == 601505008
    assert refused(plain, json_mode=True)[0] == 601505008
    assert refused(plain, messages=picture)[0] == 601505008
    assert made(plain, messages=[{"role": "user", "content": [{"type": "text", "text": "a"}]}]) == {}


def test_a_model_that_states_no_ability_is_trusted() -> None:
    assert made(model(), tools=[{"type": "function"}], json_mode=True)["tools"] == [{"type": "function"}]


def test_an_unknown_protocol_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelFailed, match="there is no protocol google: use one of openai, deepseek") as caught:
        base_url(model(protocol="google"))
    assert caught.value.code == 601505006


@pytest.mark.parametrize(
    ("protocol", "config", "lacks"),
    [
        ("openai", "protocol_config_openai: {by_azure: true}", "by_azure needs a base_url"),
        ("claude", "protocol_config_claude: {by_bedrock: true, region: r}", "needs access_key and secret_access_key"),
        (
            "claude",
            "protocol_config_claude: {by_bedrock: true, access_key: a, secret_access_key: b}",
            "by_bedrock needs a region",
        ),
        ("ark", "protocol_config_ark: {access_key: a, secret_key: b}", "called with an api_key, not an access_key"),
        ("gemini", "protocol_config_gemini: {response_schema: '{'}", "response_schema is no JSON"),
    ],
)
def test_what_a_configuration_lacks_is_named(protocol: str, config: str, lacks: str) -> None:
    configured = model(protocol=protocol, config=f"model: gpt, {config}")
    with pytest.raises(ModelFailed, match=lacks) as caught:
        translated(configured, arguments(configured, Chat("7", HELLO)))
    assert caught.value.code == 601505006


@pytest.mark.parametrize(
    ("protocol", "url", "called"),
    [
        ("arkbot", "", "https://ark.cn-beijing.volces.com/api/v3/bots"),
        ("arkbot", "http://local/api/v3/", "http://local/api/v3/bots"),
        ("arkbot", "http://local/bots", "http://local/bots"),
        ("claude", "http://local/v1", "http://local"),
        ("anthropic", "http://local", "http://local"),
        ("gemini", "http://local", "http://local/v1beta"),
        ("gemini", "http://local/v1", "http://local/v1"),
        ("ollama", "", "http://127.0.0.1:11434"),
        ("qianfan", "", "https://qianfan.baidubce.com/v2"),
    ],
)
def test_an_address_is_taken_as_the_protocol_s_own_clients_take_it(protocol: str, url: str, called: str) -> None:
    assert base_url(model(protocol=protocol, config=f"model: gpt, base_url: '{url}'")) == called


def test_ollama_gets_penalties_options_and_format_under_their_own_names() -> None:
    configured = model(protocol="ollama", config="model: gpt, protocol_config_ollama: {format: json}")
    asked = {
        **arguments(configured, Chat("7", HELLO, {"frequency_penalty": 0.5})),
        "extra": {"options": {"num_ctx": 9}},
    }
    keywords, merged = translated(configured, asked)
    assert "frequency_penalty" not in keywords
    assert merged == {"format": "json", "options": {"frequency_penalty": 0.5, "num_ctx": 9}}


def test_gemini_s_safety_settings_and_code_execution_are_merged_into_the_body() -> None:
    details = "{safety_settings: [{category: 7, threshold: 3}], enable_code_execution: true}"
    configured = model(protocol="gemini", config=f"model: gpt, protocol_config_gemini: {details}")
    _, merged = translated(configured, arguments(configured, Chat("7", HELLO)))
    assert merged == {"tools": [{"codeExecution": {}}], "safetySettings": [{"category": 7, "threshold": 3}]}


def test_claude_s_limit_of_tokens_is_the_model_s_own_when_the_call_names_none() -> None:
    configured = model("  ability: {max_output_tokens: 900}\n", protocol="claude")
    assert translated(configured, arguments(configured, Chat("7", HELLO)))[0]["max_tokens"] == 900
    asked = arguments(configured, Chat("7", HELLO, {"max_tokens": 5}))
    assert translated(configured, asked)[0]["max_tokens"] == 5


def test_tool_calls_and_tools_are_taken_in_both_forms() -> None:
    function = {"name": "f", "arguments": "{}"}
    ours = {"role": "assistant", "content": "", "tool_calls": [{"index": 0, "id": "1", "function_call": function}]}
    openai = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": '{"type": "object"}'}}
    for said in (ours, openai):
        asked = arguments(model(), Chat("7", [said], tools=[tool]))
        assert asked["messages"] == [openai]
        assert asked["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize("schema", ["{", "[]", "null", '"x"'])
def test_a_tool_whose_schema_is_no_object_is_refused_by_name(schema: str) -> None:
    tool = {"type": "function", "function": {"name": "adder", "parameters": schema}}
    code, text = refused(model(), tools=[tool])
    assert (code, "adder" in text) == (601505007, True)


@pytest.mark.parametrize("protocol", ["openai", "deepseek", "qwen", "ark"])
def test_openai_s_wire_form_has_an_address_of_its_own_unless_one_is_named(protocol: str) -> None:
    assert base_url(model(protocol=protocol)).startswith("https://")
    assert base_url(model(protocol=protocol, config="model: gpt, base_url: 'http://local/v1'")) == "http://local/v1"
