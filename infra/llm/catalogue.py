"""Coze Loop's ``model_config.yaml``: which models there are, where they answer, and who may call them when.

The file is taken as its authors ship it (behaviour.md §4.1): unknown keys are ignored, a quota that is absent or 0
is unlimited, a workspace that is absent or 0 is every space, ``default_val`` and ``default_value`` are one.
``${NAME}`` in any text is replaced by the environment variable of that name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.llm.model import Model

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MAX_ID = 2**63 - 1


class CatalogueError(ValueError):
    """The file cannot be used; the text names the key path and never a value."""


class Catalogue(BaseModel):
    """The models of an installation, in the order of the file."""

    model_config = ConfigDict(frozen=True)
    models: tuple[Model, ...] = ()

    def find(self, model_id: str) -> Model | None:
        """The model of a decimal id."""
        return next((m for m in self.models if str(m.id) == model_id), None)


def load_catalogue(path: Path | str, environment: Mapping[str, str] = os.environ) -> Catalogue:
    """The catalogue of a file. Raises CatalogueError, which names the key path and never a value."""
    problem = ""
    try:
        text = Path(path).read_text(encoding="utf-8")
        return parse_catalogue(text, environment)
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "is no UTF-8 text"
    except CatalogueError as error:
        problem = str(error)
    # raised outside of the handlers: the first error may hold values of the file
    raise CatalogueError(f"{path}: {problem}")


def parse_catalogue(text: str, environment: Mapping[str, str] = os.environ) -> Catalogue:
    """The catalogue of a YAML text. Raises CatalogueError."""
    problem = ""
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        problem = f"not YAML at line {mark.line + 1}, column {mark.column + 1}" if mark else "not YAML"
    except yaml.YAMLError:
        problem = "not YAML"
    if problem:
        raise CatalogueError(problem)
    if not isinstance(document, dict) or not isinstance(document.get("models"), list):
        raise CatalogueError("models: must be a list")
    models = tuple(_model(entry, i, environment) for i, entry in enumerate(document["models"]))
    seen: dict[int, int] = {}
    for i, model in enumerate(models):
        if model.id in seen:
            raise CatalogueError(f"models[{i}].id: models[{seen[model.id]}] has the same id")
        seen[model.id] = i
    return Catalogue(models=models)


def _model(entry: Any, index: int, environment: Mapping[str, str]) -> Model:
    place = f"models[{index}]"
    problem = ""
    try:
        model = Model.model_validate(_substituted(entry, place, environment))
        if not 0 < model.id <= _MAX_ID:
            problem = f"{place}.id: must be a whole number from 1 to 2^63-1"
        if not _is_address(model.protocol_config.base_url):
            problem = f"{place}.protocol_config.base_url: must be an address that starts with http:// or https://"
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        problem = f"{place}{path}: {first['msg']}"
    if problem:
        raise CatalogueError(problem)
    return model


def _is_address(url: str) -> bool:
    if not url:
        return True
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _substituted(value: Any, place: str, environment: Mapping[str, str]) -> Any:
    """The value with ``${NAME}`` replaced in its texts; an unset name is an error, for an empty key is never meant."""
    if isinstance(value, dict):
        return {k: _substituted(v, f"{place}.{k}", environment) for k, v in value.items()}
    if isinstance(value, list):
        return [_substituted(v, f"{place}[{i}]", environment) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def named(match: re.Match[str]) -> str:
        if (found := environment.get(match[1])) is None:
            raise CatalogueError(f"{place}: the environment variable {match[1]} is not set")
        return found

    return _VARIABLE.sub(named, value)
