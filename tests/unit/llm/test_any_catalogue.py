"""Whatever stands in the file, it is a catalogue or a CatalogueError that shows no value of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.llm.catalogue import CatalogueError, parse_catalogue
from infra.llm.contract import model_object
from infra.llm.model import Model
from infra.llm.secrets import Scrubber

CANARY = "canary-4d3c"
KEYS = [
    "id", "name", "workspace_id", "workspace_ids", "ability", "protocol", "protocol_config", "scenario_configs",
    "param_config", "visibility", "tags", "status", "model", "api_key", "base_url", "timeout_ms", "protocol_config_ark",
    "custom_headers", "param_schemas", "options", "properties", "default_val", "json_path", "quota", "default", "mode",
]  # fmt: skip
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(CANARY)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
URLS = st.text(max_size=8).map(lambda text: f"http://{text}")
GOOD = {"id": 1, "name": "m", "protocol": "openai", "protocol_config": {"model": "x", "api_key": CANARY}}


def read(entry: Any) -> tuple[Sequence[Model], str]:
    """The models, or what was said of them."""
    try:
        return parse_catalogue(json.dumps({"models": [entry]}), {}).models, ""
    except CatalogueError as error:
        return (), str(error)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4), values, st.just("") | URLS)
def test_any_entry_is_read_or_refused_without_its_values(changed: dict[str, Any], ark: Any, url: str) -> None:
    entry = {**GOOD, **changed}
    if isinstance(entry["protocol_config"], dict):
        entry["protocol_config"] = {**entry["protocol_config"], "protocol_config_ark": ark, "base_url": url}
    models, said = read(entry)
    assert CANARY not in said
    for model in models:
        assert model_object(model)["protocol_config"].get("api_key", "***") == "***"
        assert model.serves("5") in (True, False)
        assert model.available("default") in (True, False)
        assert CANARY not in Scrubber(model.secrets())(f"a {CANARY} b") or CANARY not in model.secrets()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_catalogue(text, {})
    except CatalogueError:
        return
