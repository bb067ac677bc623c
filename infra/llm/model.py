"""One configured model in Coze Loop's own keys (behaviour.md §4.1); others are ignored, `repr` shows no secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

DEFAULT_SCENARIO = "default"


def _as_text(value: Any) -> Any:
    """YAML reads ``0.7`` and ``false`` as numbers and booleans where the contract has texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else "" if value is None else value


def _as_key(value: Any) -> Any:
    """Keys come from files and variables that end in a newline; no header takes one."""
    text = _as_text(value)
    return text.strip() if isinstance(text, str) else text


def _no_null(value: Any) -> Any:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(_as_text)]
Secret = Annotated[SecretStr, BeforeValidator(_as_key)]
NOTHING = SecretStr("")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Quota(_Part):
    """Calls and tokens a minute; 0 = unlimited."""

    qpm: int = 0
    tpm: int = 0


class ScenarioConfig(_Part):
    """What holds for one scenario."""

    scenario: Text = ""
    quota: Quota | None = None
    unavailable: bool = False


class AbilityImage(_Part):
    """Which images a model takes; the size in MB."""

    url_enabled: bool = False
    binary_enabled: bool = False
    max_image_size: int = 0
    max_image_count: int = 0


class AbilityMultiModal(_Part):
    """What a model takes besides text."""

    image: bool = False
    ability_image: AbilityImage | None = None


class Ability(_Part):
    """What a model can do."""

    max_context_tokens: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    function_call: bool = False
    json_mode: bool = False
    multi_modal: bool = False
    ability_multi_modal: AbilityMultiModal | None = None
    thinking: bool = False


class ProtocolDetails(_Part):
    """The part of a protocol's own (``protocol_config_<protocol>``); every protocol's fields in one."""

    by_azure: bool | None = None
    by_bedrock: bool | None = None
    api_version: Text | None = None
    region: Text | None = None
    retry_times: int | None = None
    response_format_type: Text | None = None
    response_format_json_schema: Text | None = None
    format: Text | None = None
    keep_alive_ms: int | None = None
    response_schema: Text | None = None
    enable_code_execution: bool | None = None
    safety_settings: Annotated[list[dict[str, int]], BeforeValidator(_no_null)] = []
    access_key: Secret = NOTHING
    secret_key: Secret = NOTHING
    secret_access_key: Secret = NOTHING
    session_token: Secret = NOTHING
    custom_headers: dict[str, Secret] = {}


def _details(protocol: str, *others: str) -> Any:
    names = [f"protocol_config_{name}" for name in (protocol, *others)]
    return Field(default=None, validation_alias=AliasChoices(*names))


class ProtocolConfig(_Part):
    """Where and as whom a model is called. ``timeout_ms`` limits one attempt."""

    base_url: Text = ""
    api_key: Secret = NOTHING
    model: Text = Field(min_length=1)
    timeout_ms: int | None = Field(default=None, gt=0)
    ark: ProtocolDetails | None = _details("ark")
    openai: ProtocolDetails | None = _details("openai")
    claude: ProtocolDetails | None = _details("claude")
    deepseek: ProtocolDetails | None = _details("deep_seek", "deepseek")
    gemini: ProtocolDetails | None = _details("gemini")
    ollama: ProtocolDetails | None = _details("ollama")
    qwen: ProtocolDetails | None = _details("qwen")
    qianfan: ProtocolDetails | None = _details("qianfan")
    arkbot: ProtocolDetails | None = _details("ark_bot", "arkbot")

    def details(self) -> Iterator[tuple[str, ProtocolDetails]]:
        """The protocols that have a part of their own, with it."""
        for name in ("ark", "openai", "claude", "deepseek", "gemini", "ollama", "qwen", "qianfan", "arkbot"):
            if part := getattr(self, name):
                yield name, part


class ParamOption(_Part):
    """One choice of a parameter."""

    value: Text = ""
    label: Text = ""


class Reaction(_Part):
    """When the console shows a parameter."""

    dependency: Text = ""
    visible: Text = ""


class ParamSchema(_Part):
    """A parameter that a caller may set; the console draws its card from this."""

    name: Text = Field(min_length=1)
    label: Text = ""
    desc: Text = ""
    type: Literal["float", "int", "boolean", "string", "void", "object"] = "string"
    min: Text = ""
    max: Text = ""
    default_value: Text = Field(default="", validation_alias=AliasChoices("default_val", "default_value"))
    options: Annotated[list[ParamOption], BeforeValidator(_no_null)] = []
    properties: Annotated[list[ParamSchema], BeforeValidator(_no_null)] = []
    json_path: Text = Field(default="", validation_alias=AliasChoices("json_path", "jsonpath"))
    reaction: Reaction | None = None


class ParamConfig(_Part):
    """The parameters of a model."""

    param_schemas: Annotated[list[ParamSchema], BeforeValidator(_no_null)] = []


class Series(_Part):
    """The family that a model belongs to."""

    name: Text = ""
    icon: Text = ""
    family: Text = "undefined"


class Visibility(_Part):
    """``specified`` shows a model in the spaces that are named alone."""

    mode: Text = "default"
    space_ids: Annotated[list[Text], BeforeValidator(_no_null)] = []


class Model(_Part):
    """One configured model. ``repr`` shows no secret."""

    id: Annotated[int, BeforeValidator(lambda v: int(v) if isinstance(v, str) and v.isdecimal() else v)]
    name: Text = Field(min_length=1)
    desc: Text = ""
    workspace_id: int = 0
    workspace_ids: Annotated[list[int], BeforeValidator(_no_null)] = []
    ability: Ability | None = None
    protocol: Text = Field(min_length=1)
    protocol_config: ProtocolConfig
    scenario_configs: dict[str, ScenarioConfig | None] | None = None
    param_config: ParamConfig | None = None
    identification: Text = ""
    series: Series | None = None
    visibility: Visibility | None = None
    icon: Text = ""
    tags: Annotated[list[Text], BeforeValidator(_no_null)] = []
    status: Text = ""
    original_model_url: Text = ""
    preset_model: bool = False

    def serves(self, space_id: str) -> bool:
        """Whether the model is for this space."""
        if self.visibility and self.visibility.mode == "specified" and space_id not in self.visibility.space_ids:
            return False
        named = {str(i) for i in (self.workspace_id, *self.workspace_ids) if i}
        return not named or space_id in named

    def available(self, scenario: str) -> bool:
        """Whether the model may be called in this scenario; one that the file does not name follows ``default``."""
        if self.status in ("disabled", "unavailable"):
            return False
        configs = self.scenario_configs or {}
        config = configs.get(scenario) or configs.get(DEFAULT_SCENARIO)
        return not (config and config.unavailable)

    def quota(self, scenario: str) -> Quota | None:
        """What may be called in this scenario in a minute; one that the file does not name follows ``default``."""
        configs = self.scenario_configs or {}
        config = configs.get(scenario) or configs.get(DEFAULT_SCENARIO)
        return config.quota if config else None

    def secrets(self) -> Iterator[str]:
        """Every configured value that must not be shown."""
        config = self.protocol_config
        yield config.api_key.get_secret_value()
        for _, part in config.details():
            for secret in (part.access_key, part.secret_key, part.secret_access_key, part.session_token):
                yield secret.get_secret_value()
            yield from (value.get_secret_value() for value in part.custom_headers.values())
        url = urlsplit(config.base_url)
        yield url.password or ""
        yield url.query
