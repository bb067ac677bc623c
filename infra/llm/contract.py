"""A configured model as the contract's ``llm.domain.manage.Model``: 64-bit numbers as texts, secrets as ``***``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from infra.llm.model import Ability, Model, ParamSchema, ProtocolConfig, ProtocolDetails, ScenarioConfig

MASK = "***"


def model_object(model: Model) -> Mapping[str, Any]:
    """The contract object; absent optionals are left out."""
    answer: dict[str, Any] = {
        "model_id": str(model.id),
        "workspace_id": str(model.workspace_id),
        "name": model.name,
        "desc": model.desc,
        "protocol": model.protocol,
        "protocol_config": _protocol_config(model.protocol_config),
        "identification": model.identification,
        "icon": model.icon,
        "tags": list(model.tags),
        "status": "unavailable" if model.status in ("disabled", "unavailable") else "available",
        "original_model_url": model.original_model_url,
        "preset_model": model.preset_model,
    }
    if model.ability:
        answer["ability"] = _ability(model.ability)
    if model.scenario_configs:
        answer["scenario_configs"] = {k: _scenario(k, v) for k, v in model.scenario_configs.items() if v}
    if model.param_config:
        answer["param_config"] = {"param_schemas": [_param(p) for p in model.param_config.param_schemas]}
    if model.series:
        answer["series"] = {"name": model.series.name, "icon": model.series.icon, "family": model.series.family}
    if model.visibility:
        answer["visibility"] = {"mode": model.visibility.mode, "spaceIDs": list(model.visibility.space_ids)}
    return answer


def _ability(ability: Ability) -> dict[str, Any]:
    answer: dict[str, Any] = {
        name: None if (value := getattr(ability, name)) is None else str(value)
        for name in ("max_context_tokens", "max_input_tokens", "max_output_tokens")
    }
    answer |= {name: getattr(ability, name) for name in ("function_call", "json_mode", "multi_modal")}
    if modes := ability.ability_multi_modal:
        answer["ability_multi_modal"] = {"image": modes.image}
        if image := modes.ability_image:
            answer["ability_multi_modal"]["ability_image"] = {
                "url_enabled": image.url_enabled,
                "binary_enabled": image.binary_enabled,
                "max_image_size": str(image.max_image_size),
                "max_image_count": str(image.max_image_count),
            }
    return answer


def _scenario(name: str, config: ScenarioConfig) -> dict[str, Any]:
    answer: dict[str, Any] = {"scenario": config.scenario or name, "unavailable": config.unavailable}
    if config.quota:
        answer["quota"] = {"qpm": str(config.quota.qpm), "tpm": str(config.quota.tpm)}
    return answer


def _param(schema: ParamSchema) -> dict[str, Any]:
    answer: dict[str, Any] = {
        name: getattr(schema, name) for name in ("name", "label", "desc", "type", "min", "max", "default_value")
    }
    answer["options"] = [{"value": o.value, "label": o.label} for o in schema.options]
    answer["properties"] = [_param(p) for p in schema.properties]
    answer["jsonpath"] = schema.json_path
    if schema.reaction:
        answer["reaction"] = {"dependency": schema.reaction.dependency, "visible": schema.reaction.visible}
    return answer


def _protocol_config(config: ProtocolConfig) -> dict[str, Any]:
    answer: dict[str, Any] = {"base_url": _plain_url(config.base_url), "model": config.model}
    if config.api_key.get_secret_value():
        answer["api_key"] = MASK
    return answer | {f"protocol_config_{name}": _details(part) for name, part in config.details()}


def _details(part: ProtocolDetails) -> dict[str, Any]:
    """What was set of a protocol's part; whatever is no known plain field is masked."""
    answer: dict[str, Any] = {}
    for name in part.model_fields_set:
        value = getattr(part, name)
        if name == "custom_headers":
            answer[name] = dict.fromkeys(value, MASK)
        elif isinstance(value, SecretStr):
            answer[name] = MASK if value.get_secret_value() else ""
        elif name in ("retry_times", "keep_alive_ms") and value is not None:
            answer[name] = str(value)
        else:
            answer[name] = value
    return answer


def _plain_url(url: str) -> str:
    """The URL without user, password and query, each of which may hold a key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
