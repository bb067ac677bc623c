"""The contract's model object shows what the console needs and no secret."""

from __future__ import annotations

import json

from infra.llm.catalogue import parse_catalogue
from infra.llm.contract import model_object

CANARY = "canary-9b2e"

FULL = f"""
models:
- id: 9007199254740993
  name: gpt
  desc: described
  workspace_id: 77
  protocol: ark
  protocol_config:
    base_url: https://user:{CANARY}@models.example/v1?key={CANARY}
    api_key: {CANARY}
    model: gpt-x
    protocol_config_ark:
      region: cn
      access_key: {CANARY}
      secret_key: {CANARY}
      retry_times: 2
      custom_headers: {{X-Key: {CANARY}}}
    protocol_config_openai: {{by_azure: false, api_version: v2}}
  ability:
    max_context_tokens: 128000
    function_call: true
    multi_modal: true
    ability_multi_modal: {{image: true, ability_image: {{url_enabled: true, max_image_size: 20, max_image_count: 5}}}}
  scenario_configs:
    evaluator: {{quota: {{qpm: 10, tpm: 0}}, unavailable: true}}
  param_config:
    param_schemas:
    - name: temperature
      label: T
      desc: d
      type: float
      min: 0
      max: 2
      default_val: 0.7
      options: [{{value: a, label: A}}]
  series: {{name: GPT, family: gpt}}
  tags: [fast]
"""


def test_every_part_is_shown_in_the_contract_s_form() -> None:
    found = model_object(parse_catalogue(FULL).models[0])
    assert found["model_id"] == "9007199254740993"
    assert found["workspace_id"] == "77"
    assert found["ability"]["max_context_tokens"] == "128000"
    assert found["ability"]["max_input_tokens"] is None
    assert found["ability"]["ability_multi_modal"]["ability_image"]["max_image_size"] == "20"
    assert found["scenario_configs"] == {
        "evaluator": {"scenario": "evaluator", "unavailable": True, "quota": {"qpm": "10", "tpm": "0"}}
    }
    assert found["param_config"]["param_schemas"] == [
        {
            "name": "temperature",
            "label": "T",
            "desc": "d",
            "type": "float",
            "min": "0",
            "max": "2",
            "default_value": "0.7",
            "options": [{"value": "a", "label": "A"}],
            "properties": [],
            "jsonpath": "",
        }
    ]
    assert found["series"]["family"] == "gpt"
    assert found["status"] == "available"


def test_secrets_are_masked_and_addresses_lose_user_and_query() -> None:
    found = model_object(parse_catalogue(FULL).models[0])
    assert CANARY not in json.dumps(found)
    config = found["protocol_config"]
    assert config["api_key"] == "***"
    assert config["base_url"] == "https://models.example/v1"
    assert config["protocol_config_ark"] == {
        "region": "cn",
        "access_key": "***",
        "secret_key": "***",
        "retry_times": "2",
        "custom_headers": {"X-Key": "***"},
    }
    assert config["protocol_config_openai"] == {"by_azure": False, "api_version": "v2"}


def test_what_is_not_configured_is_left_out() -> None:
    small = "models: [{id: 1, name: m, protocol: openai, protocol_config: {model: x}}]"
    found = model_object(parse_catalogue(small).models[0])
    assert found["workspace_id"] == "0"
    assert not {"ability", "scenario_configs", "param_config", "series", "visibility"} & set(found)
    assert found["protocol_config"] == {"base_url": "", "model": "x"}
