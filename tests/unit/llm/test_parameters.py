"""A call in Coze Loop's names becomes the arguments of OpenAI's wire form."""

from __future__ import annotations

from typing import Any

import pytest

from infra.llm.catalogue import parse_catalogue
from infra.llm.model import Model
from infra.llm.parameters import arguments, base_url
from infra.llm.port import Chat, ModelFailed

HELLO = [{"role": "user", "content": "hello"}]


def model(text: str = "", protocol: str = "openai", config: str = "model: gpt") -> Model:
    document = f"models:\n- id: 7\n  name: m\n  protocol: {protocol}\n  protocol_config: {{{config}}}\n{text}"
    return parse_catalogue(document, {}).models[0]


def made(model: Model, tools: Any = (), messages: Any = HELLO, **parameters: Any) -> dict[str, Any]:
    answer = arguments(model, Chat("7", messages, parameters, tools))
    assert answer.pop("model") == "openai/gpt"
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
        "extra_body": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "search": True},
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


@pytest.mark.parametrize("protocol", ["claude", "gemini", "ollama", "qianfan", "arkbot", "google"])
def test_other_protocols_are_not_supported_yet(protocol: str) -> None:
    with pytest.raises(ModelFailed, match=f"protocol {protocol} is not supported yet") as caught:
        base_url(model(protocol=protocol))
    assert caught.value.code == 601505006


def test_azure_is_not_supported_yet() -> None:
    with pytest.raises(ModelFailed, match="by_azure is not supported yet"):
        base_url(model(config="model: gpt, protocol_config_openai: {by_azure: true}"))


@pytest.mark.parametrize("protocol", ["openai", "deepseek", "qwen", "ark"])
def test_openai_s_wire_form_has_an_address_of_its_own_unless_one_is_named(protocol: str) -> None:
    assert base_url(model(protocol=protocol)).startswith("https://")
    assert base_url(model(protocol=protocol, config="model: gpt, base_url: 'http://local/v1'")) == "http://local/v1"
