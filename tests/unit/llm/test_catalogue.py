"""The catalogue takes Coze Loop's model_config.yaml as it is, and says where a file is wrong without showing values."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.llm.catalogue import CatalogueError, load_catalogue, parse_catalogue
from infra.llm.model import Model

CANARY = "sk-canary-5f1d"

SHIPPED = """
models:
  - id: 1
    name: "doubao"
    frame: "eino"
    protocol: "ark"
    protocol_config:
      api_key: "***"
      model: "***"
    param_config:
      param_schemas:
        - name: "temperature"
          label: "temperature"
          desc: "more diverse"
          type: "float"
          min: "0"
          max: "1.0"
          default_val: "0.7"
        - name: "thinking"
          label: "thinking"
          type: "boolean"
          default_val: "false"
"""


def model(text: str = "", **environment: str) -> Model:
    document = f"models:\n- id: 7\n  name: m\n  protocol: openai\n  protocol_config: {{model: gpt}}\n{text}"
    return parse_catalogue(document, environment).models[0]


def refused(document: str, **environment: str) -> str:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(document, environment)
    return str(caught.value)


def test_the_shipped_form_is_read() -> None:
    (doubao,) = parse_catalogue(SHIPPED).models
    assert (doubao.id, doubao.name, doubao.protocol) == (1, "doubao", "ark")
    assert doubao.param_config is not None
    assert [(p.name, p.default_value) for p in doubao.param_config.param_schemas] == [
        ("temperature", "0.7"),
        ("thinking", "false"),
    ]


def test_unknown_keys_are_ignored_everywhere() -> None:
    found = model(
        "  colour: red\n  ability: {function_call: true, smell: 3}\n  scenario_configs: {evaluator: {x: 1}}\n"
    )
    assert found.ability is not None
    assert found.ability.function_call


def test_numbers_and_booleans_become_the_texts_of_the_contract() -> None:
    schemas = "{param_schemas: [{name: a, default_val: 0.7, min: 0, max: 1}, {name: b, default_value: false}]}"
    found = model(f"  param_config: {schemas}\n").param_config
    assert found is not None
    first, second = found.param_schemas
    assert (first.default_value, first.min, first.max, second.default_value) == ("0.7", "0", "1", "false")


def test_environment_variables_are_put_in() -> None:
    document = "models: [{id: '${ID}', name: m, protocol: p, protocol_config: {model: 'x-${M}', api_key: '${KEY}'}}]"
    (found,) = parse_catalogue(document, {"ID": "9", "M": "large", "KEY": "a: {b"}).models
    assert (found.id, found.protocol_config.model) == (9, "x-large")
    assert found.protocol_config.api_key.get_secret_value() == "a: {b"


def test_a_key_loses_the_newline_of_its_file() -> None:
    document = "models: [{id: 1, name: m, protocol: p, protocol_config: {model: x, api_key: '${KEY}'}}]"
    (found,) = parse_catalogue(document, {"KEY": f" {CANARY}\n"}).models
    assert found.protocol_config.api_key.get_secret_value() == CANARY


def test_an_unset_environment_variable_is_named_with_its_place() -> None:
    document = "models: [{id: 1, name: m, protocol: p, protocol_config: {model: x, api_key: '${NO_SUCH}'}}]"
    assert refused(document) == "models[0].protocol_config.api_key: the environment variable NO_SUCH is not set"


GOOD = "name: m, protocol: p"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (f"{GOOD}, protocol_config: {{model: x}}", "id"),
        (f"id: 0, {GOOD}, protocol_config: {{model: x}}", "id"),
        (f"id: -4, {GOOD}, protocol_config: {{model: x}}", "id"),
        (f"id: 9223372036854775808, {GOOD}, protocol_config: {{model: x}}", "id"),
        (f"id: one, {GOOD}, protocol_config: {{model: x}}", "id"),
        ("id: 1, protocol: p, protocol_config: {model: x}", "name"),
        ("id: 1, name: m, protocol_config: {model: x}", "protocol"),
        (f"id: 1, {GOOD}", "protocol_config"),
        (f"id: 1, {GOOD}, protocol_config: {{}}", "protocol_config.model"),
        (f"id: 1, {GOOD}, protocol_config: {{model: x, timeout_ms: -1}}", "protocol_config.timeout_ms"),
        (f"id: 1, {GOOD}, protocol_config: {{model: x, base_url: 'ftp://x'}}", "protocol_config.base_url"),
        (f"id: 1, {GOOD}, protocol_config: {{model: x, base_url: 'http://'}}", "protocol_config.base_url"),
        (f"id: 1, {GOOD}, protocol_config: {{model: x, base_url: 'http://[x'}}", "protocol_config.base_url"),
        (f"id: 1, {GOOD}, protocol_config: {{model: x, base_url: 'http://x:y'}}", "protocol_config.base_url"),
        (
            f"id: 1, {GOOD}, protocol_config: {{model: x}}, param_config: {{param_schemas: [{{name: b, type: wide}}]}}",
            "param_config.param_schemas[0].type",
        ),
        (
            f"id: 1, {GOOD}, protocol_config: {{model: x}}, scenario_configs: {{evaluator: {{quota: {{qpm: many}}}}}}",
            "scenario_configs.evaluator.quota.qpm",
        ),
    ],
)
def test_a_wrong_value_is_named_by_its_key_path(entry: str, place: str) -> None:
    assert refused(f"models: [{{{entry}}}]").startswith(f"models[0].{place}: ")


def test_two_models_with_one_id_are_refused() -> None:
    one = "{id: 3, name: m, protocol: p, protocol_config: {model: x}}"
    assert refused(f"models: [{one}, {one}]") == "models[1].id: models[0] has the same id"


@pytest.mark.parametrize("document", ["", "models:", "models: {}", "[]", "just text"])
def test_a_file_without_a_list_of_models_is_refused(document: str) -> None:
    assert refused(document) == "models: must be a list"


def test_a_file_that_is_no_yaml_is_refused_with_the_place_alone() -> None:
    said = refused(f"models:\n  - api_key: '{CANARY}\n    x: [")
    assert said.startswith("not YAML at line ")
    assert CANARY not in said


def test_errors_and_reprs_show_no_secret() -> None:
    ark = f"{{secret_key: {CANARY}, custom_headers: {{X-Key: {CANARY}}}}}"
    config = f"{{model: x, api_key: {CANARY}, timeout_ms: soon, protocol_config_ark: {ark}}}"
    document = f"models: [{{id: 1, name: m, protocol: ark, protocol_config: {config}}}]"
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(document)
    assert CANARY not in repr(caught.value)
    assert caught.value.__context__ is None
    good = parse_catalogue(document.replace("soon", "5"))
    assert CANARY not in repr(good) + good.model_dump_json()
    assert set(good.models[0].secrets()) == {CANARY, ""}


def test_a_file_is_named_in_its_error(tmp_path: Path) -> None:
    path = tmp_path / "model_config.yaml"
    with pytest.raises(CatalogueError, match=r"model_config\.yaml: No such file"):
        load_catalogue(path)
    path.write_text("models: 3")
    with pytest.raises(CatalogueError, match=r"model_config\.yaml: models: must be a list"):
        load_catalogue(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogueError, match="is no UTF-8 text"):
        load_catalogue(path)
    path.write_text(SHIPPED)
    assert len(load_catalogue(path).models) == 1


def test_a_model_without_a_workspace_serves_every_space() -> None:
    assert model().serves("5")
    assert model("  workspace_id: 0\n  workspace_ids: []\n").serves("5")


def test_a_model_of_some_workspaces_serves_those_alone() -> None:
    found = model("  workspace_id: 5\n  workspace_ids: [6]\n")
    assert [space for space in ("5", "6", "7", "") if found.serves(space)] == ["5", "6"]


def test_specified_visibility_serves_the_spaces_it_names() -> None:
    found = model("  visibility: {mode: specified, space_ids: [8]}\n")
    assert [space for space in ("7", "8") if found.serves(space)] == ["8"]


def test_a_scenario_that_is_not_named_follows_default() -> None:
    open_ = model("  scenario_configs: {evaluator: {unavailable: true}, default: {unavailable: false}}\n")
    assert [s for s in ("default", "prompt_debug", "evaluator") if open_.available(s)] == ["default", "prompt_debug"]
    closed = model("  scenario_configs: {evaluator: {unavailable: false}, default: {unavailable: true}}\n")
    assert [s for s in ("default", "prompt_debug", "evaluator") if closed.available(s)] == ["evaluator"]
    assert model().available("eval_target")
    assert model("  scenario_configs: {eval_target: }\n").available("eval_target")


def test_a_disabled_model_is_available_nowhere() -> None:
    assert not model("  status: disabled\n").available("default")
