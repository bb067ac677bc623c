"""The protocols of ``model_config.yaml``: which of litellm's providers speaks each, where, and with what translated.

`infra.llm.parameters` gives a call in OpenAI's words; here it becomes what the provider takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from infra.llm.model import Model, ProtocolDetails
from infra.llm.port import BUILD_FAILED, ModelFailed

_VERSION = re.compile(r"/v\d\w*(/|$)")


@dataclass(frozen=True)
class Wire:
    """litellm's name of a provider, its public address ("" = made from a region), and the client that it wants."""

    provider: str
    url: str
    client: Literal["openai", "azure", "http"] = "openai"


WIRES: Final[Mapping[str, Wire]] = {
    "openai": Wire("openai", "https://api.openai.com/v1"),
    "deepseek": Wire("openai", "https://api.deepseek.com"),
    "qwen": Wire("openai", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
    "qianfan": Wire("openai", "https://qianfan.baidubce.com/v2"),
    "ark": Wire("openai", "https://ark.cn-beijing.volces.com/api/v3"),
    "arkbot": Wire("openai", "https://ark.cn-beijing.volces.com/api/v3/bots"),
    "claude": Wire("anthropic", "https://api.anthropic.com", "http"),
    "gemini": Wire("gemini", "https://generativelanguage.googleapis.com/v1beta", "http"),
    "ollama": Wire("ollama_chat", "http://127.0.0.1:11434", "http"),
}
AZURE: Final = Wire("azure", "", "azure")
BEDROCK: Final = Wire("bedrock/converse", "", "http")
ALIASES: Final[Mapping[str, str]] = {"anthropic": "claude"}


def protocol_of(model: Model) -> str:
    """The contract's name of the protocol."""
    return ALIASES.get(model.protocol, model.protocol)


def details_of(model: Model) -> ProtocolDetails:
    """The protocol's own part of the configuration, empty when there is none."""
    return dict(model.protocol_config.details()).get(protocol_of(model)) or ProtocolDetails()


def wire_of(model: Model) -> Wire:
    """How the model is spoken to. Raises ModelFailed for what cannot be called as it is configured."""
    protocol, details = protocol_of(model), details_of(model)
    config = model.protocol_config
    if protocol not in WIRES:
        raise ModelFailed(f"there is no protocol {model.protocol}: use one of {', '.join(WIRES)}", BUILD_FAILED)
    if protocol == "openai" and details.by_azure:
        if not config.base_url:
            raise ModelFailed(f"model {model.name}: by_azure needs a base_url", BUILD_FAILED)
        return AZURE
    if protocol == "claude" and details.by_bedrock:
        if not (details.access_key.get_secret_value() and details.secret_access_key.get_secret_value()):
            raise ModelFailed(f"model {model.name}: by_bedrock needs access_key and secret_access_key", BUILD_FAILED)
        if not details.region:
            raise ModelFailed(f"model {model.name}: by_bedrock needs a region", BUILD_FAILED)
        return BEDROCK
    if details.access_key.get_secret_value() and not config.api_key.get_secret_value():
        raise ModelFailed(f"model {model.name}: {protocol} is called with an api_key, not an access_key", BUILD_FAILED)
    return WIRES[protocol]


def base_url(model: Model) -> str:
    """Where the model answers; "" where the region says so. Raises ModelFailed as `wire_of` does."""
    wire = wire_of(model)
    url = (model.protocol_config.base_url or wire.url).rstrip("/")
    protocol = protocol_of(model)
    if protocol == "arkbot" and not url.endswith("/bots"):
        return f"{url}/bots"
    if protocol == "claude":
        return url.removesuffix("/v1")  # litellm appends /v1/messages
    if protocol == "gemini" and not _VERSION.search(urlsplit(url).path):
        return f"{url}/v1beta"
    return url


def translated(model: Model, asked: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call in OpenAI's words as the keywords of ``litellm.acompletion``, and what is merged into the body it makes.

    ``extra`` among the words is what the catalogue's parameters put at places of their own in the body.
    """
    wire = wire_of(model)
    keywords = dict(asked)
    extra = keywords.pop("extra", {})
    keywords["model"] = f"{wire.provider}/{model.protocol_config.model}"
    if wire.client == "openai" or wire is AZURE:
        return keywords | ({"extra_body": extra} if extra else {}), {}
    if wire is BEDROCK:
        return _bedrock(model, keywords) | extra, {}
    keywords["api_base"] = base_url(model)
    # a key must be given: without one litellm would take one of the environment; the client drops this word again
    keywords["api_key"] = model.protocol_config.api_key.get_secret_value() or "none"
    if wire.provider == "anthropic":
        return _claude(model, keywords), extra
    return (_gemini if wire.provider == "gemini" else _ollama)(model, keywords, extra)


def _claude(model: Model, keywords: dict[str, Any]) -> dict[str, Any]:
    """Anthropic demands a limit of tokens: the model's own when the call names none."""
    if model.ability and model.ability.max_output_tokens:
        keywords.setdefault("max_tokens", model.ability.max_output_tokens)
    return keywords


def _bedrock(model: Model, keywords: dict[str, Any]) -> dict[str, Any]:
    details = details_of(model)
    keywords |= {
        "aws_access_key_id": details.access_key.get_secret_value(),
        "aws_secret_access_key": details.secret_access_key.get_secret_value(),
        "aws_region_name": details.region,
        "allowed_openai_params": ["tools", "tool_choice"],  # else left out for models that litellm does not know
    }
    if token := details.session_token.get_secret_value():
        keywords["aws_session_token"] = token
    if url := base_url(model):
        keywords["aws_bedrock_runtime_endpoint"] = url
    return _claude(model, keywords)


def _gemini(model: Model, keywords: dict[str, Any], extra: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    details = details_of(model)
    if details.response_schema:
        try:
            schema = json.loads(details.response_schema)
        except ValueError:
            schema = None
        if schema is None:
            raise ModelFailed(f"model {model.name}: response_schema is no JSON", BUILD_FAILED)
        keywords["response_format"] = {"type": "json_object", "response_schema": schema}
    if details.enable_code_execution:
        extra = {**extra, "tools": [{"codeExecution": {}}]}
    if details.safety_settings:
        extra = {**extra, "safetySettings": [dict(each) for each in details.safety_settings]}
    return keywords, extra


def _ollama(model: Model, keywords: dict[str, Any], extra: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ollama has both penalties under their own names; litellm would send one as another, ``repeat_penalty``."""
    details = details_of(model)
    options = {n: keywords.pop(n) for n in ("frequency_penalty", "presence_penalty") if n in keywords}
    if options:
        extra = {**extra, "options": {**options, **extra.get("options", {})}}
    if details.keep_alive_ms is not None:
        extra = {"keep_alive": f"{details.keep_alive_ms}ms", **extra}
    if details.format and "response_format" not in keywords:
        extra = {"format": details.format, **extra}
    return keywords, extra
