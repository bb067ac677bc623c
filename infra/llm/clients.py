"""The connections that litellm uses: one pool for every model, and a client in the form that a provider wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import httpx

from infra.llm.attempt import on_request, on_response
from infra.llm.model import Model
from infra.llm.protocols import Wire, base_url, details_of

LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""Never asked through a proxy of the environment."""
AZURE_API_VERSION = "2024-10-21"


def http_client() -> httpx.AsyncClient:
    """The connections of every model; the caller closes it. Redirects are answers: a key goes nowhere else."""
    return httpx.AsyncClient(
        follow_redirects=False,
        mounts=dict.fromkeys(LOOPBACK),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30),
        event_hooks={"request": [on_request], "response": [on_response]},
    )


def client_of(model: Model, wire: Wire, http: httpx.AsyncClient, merged: Mapping[str, Any]) -> Any | None:
    """What litellm calls the model with; None when ``base_url`` is no address. litellm must be loaded."""
    key = model.protocol_config.api_key.get_secret_value()
    if wire.provider == "gemini":
        _introduce(f"gemini/{model.protocol_config.model}")
    if wire.client == "http":
        return _handler()(http, merged, keyless=not key and wire.provider != "bedrock")
    from openai import AsyncAzureOpenAI, AsyncOpenAI

    # a key must be given: without one the client would take OPENAI_API_KEY and send it to this endpoint
    known: dict[str, Any] = {"api_key": key or "none", "http_client": http, "max_retries": 0}
    with suppress(httpx.InvalidURL, ValueError):
        if wire.client == "azure":
            version = details_of(model).api_version or AZURE_API_VERSION
            return AsyncAzureOpenAI(azure_endpoint=base_url(model), api_version=version, **known)
        return AsyncOpenAI(base_url=base_url(model), **known)
    return None


def _introduce(name: str) -> None:
    """A model that litellm has not heard of can what Gemini's can; else its system message would be the user's."""
    import litellm

    if name not in litellm.model_cost:
        able = dict.fromkeys(("system_messages", "function_calling", "response_schema", "vision"), True)
        facts = {
            "litellm_provider": "gemini",
            "mode": "chat",
            **{f"supports_{what}": can for what, can in able.items()},
        }
        litellm.register_model({name: facts})


@cache
def _handler() -> type:
    """The client that litellm has for everything else, on our connections: no retries and no second pool of its own."""
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    class Handler(AsyncHTTPHandler):
        def __init__(self, http: httpx.AsyncClient, merged: Mapping[str, Any], keyless: bool) -> None:
            self.client = http  # the setter: it is not ours to close
            self._merged = merged
            self._keyless = keyless
            self.timeout = self.event_hooks = None

        async def post(  # type: ignore[no-untyped-def]
            self, url, data=None, json=None, params=None, headers=None, timeout=None, stream=False, **_
        ):
            content = None
            if isinstance(data, str | bytes):
                content, data = (merge_body(data, self._merged) if self._merged else data), None
            elif self._merged and isinstance(json, dict):
                json = merge(json, self._merged)
            sent = {k: v for k, v in (headers or {}).items() if not (self._keyless and k.lower() in KEY_HEADERS)}
            request = self.client.build_request(
                "POST", url, content=content, data=data, json=json, params=params, headers=sent, timeout=timeout
            )
            response = await self.client.send(request, stream=stream)
            response.raise_for_status()
            return response

    return Handler


KEY_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})


def merge_body(body: str | bytes, more: Mapping[str, Any]) -> bytes:
    """A JSON body with more in it."""
    return json.dumps(merge(json.loads(body), more), ensure_ascii=False).encode()


def merge(body: Any, more: Any) -> Any:
    """Objects key by key, lists one after the other; of anything else the second counts."""
    if isinstance(body, dict) and isinstance(more, Mapping):
        return {**body, **{k: merge(body[k], v) if k in body else v for k, v in more.items()}}
    if isinstance(body, list) and isinstance(more, list):
        return [*body, *more]
    return more
