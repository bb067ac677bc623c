"""Calls the models of a catalogue through litellm: timeouts, retries, token usage, and no secret in any error."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from infra.llm.attempt import Failed, attempt, failure, http_client, loaded, seconds_asked
from infra.llm.catalogue import Catalogue
from infra.llm.contract import model_object
from infra.llm.model import Model
from infra.llm.parameters import arguments, base_url
from infra.llm.port import ANSWER_INVALID, BUILD_FAILED, MODEL_INVALID, Chat, ModelFailed, Reply
from infra.llm.secrets import Scrubber

_UNTIDY = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Retries:
    """How often a call is tried and how long it waits between: ``base`` s, doubled each time, half of it chance.

    An endpoint's Retry-After is kept to; one longer than ``longest`` s ends the call instead.
    """

    attempts: int = 4
    base: float = 0.5
    longest: float = 30.0

    def wait(self, tried: int, asked: float | None, chance: float) -> float | None:
        """Seconds before the next attempt after ``tried`` ones; None = no further attempt."""
        if tried >= self.attempts or (asked is not None and asked > self.longest):
            return None
        own = min(self.base * 2.0 ** (tried - 1), self.longest) * (1 + chance) / 2
        return own if asked is None else asked + own / 2


class LitellmGateway:
    """Implements ``Models``. One for a process and event loop; ``aclose`` ends its connections."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        timeout: float = 60.0,
        retries: Retries | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._models = {str(m.id): m for m in catalogue.models}
        self._objects = {id: model_object(m) for id, m in self._models.items()}
        self._scrub = Scrubber(s for m in catalogue.models for s in m.secrets())
        self._timeout = timeout
        self._retries = retries or Retries()
        self._sleep, self._chance, self._clock = sleep, chance, clock
        self._http: httpx.AsyncClient | None = None
        self._clients: dict[str, Any] = {}

    def list(self, space_id: str, scenario: str) -> Sequence[Mapping[str, Any]]:
        """Contract model objects, secrets masked, of this space and scenario, in the catalogue's order."""
        found = (m for m in self._models.values() if m.serves(space_id) and m.available(scenario))
        return [self._objects[str(m.id)] for m in found]

    def get(self, model_id: str, space_id: str | None = None) -> Mapping[str, Any] | None:
        """The contract model object, secrets masked; None when unknown or not for the space that is named."""
        model = self._models.get(model_id)
        if not model or (space_id is not None and not model.serves(space_id)):
            return None
        return self._objects[model_id]

    async def warm(self) -> None:
        """Imports litellm beside the event loop, so that the first call need not wait for it."""
        await loaded()

    async def aclose(self) -> None:
        """Ends the connections; a later call opens new ones."""
        http, self._http = self._http, None
        self._clients.clear()
        if http:
            await http.aclose()

    async def chat(self, call: Chat) -> Reply:
        """One answer. Raises ModelFailed, whose text names the model and holds no secret."""
        model = self._models.get(call.model_id)
        if not model or not model.serves(call.space_id):
            raise ModelFailed(f"model {call.model_id} is not configured", MODEL_INVALID)
        if not model.available(call.scenario):
            raise ModelFailed(f"model {model.name} is not available for {call.scenario}", MODEL_INVALID)
        keywords = arguments(model, call)
        client = await self._client(model)
        seconds = (model.protocol_config.timeout_ms or 0) / 1000 or self._timeout
        started = time.monotonic()
        tried = 0
        while True:
            tried += 1
            answer = await attempt(client, keywords, seconds)
            if not isinstance(answer, Failed):
                answer = _reply(answer, round((time.monotonic() - started) * 1000))
            if isinstance(answer, Reply):
                return answer
            asked = seconds_asked(answer.retry_after, self._clock())
            wait = self._retries.wait(tried, asked, self._chance()) if answer.again else None
            if wait is None:
                raise failure(model.name, replace(answer, message=self._scrub(answer.message)), tried)
            await self._sleep(wait)

    async def _client(self, model: Model) -> Any:
        """The model's OpenAI client; all share their connections' pool."""
        url = base_url(model)
        await self.warm()
        client = self._clients.get(str(model.id))
        if client is None:
            from openai import AsyncOpenAI

            self._http = self._http or http_client()
            # a key must be given: without one the client would take OPENAI_API_KEY and send it to this endpoint
            key = model.protocol_config.api_key.get_secret_value() or "none"
            with suppress(httpx.InvalidURL, ValueError):
                client = AsyncOpenAI(api_key=key, base_url=url, http_client=self._http, max_retries=0)
                self._clients[str(model.id)] = client
        if client is None:
            raise ModelFailed(f"model {model.name}: base_url is no address", BUILD_FAILED)
        return client


def _reply(answer: Any, duration_ms: int) -> Reply | Failed:
    """The answer of litellm in our words; one without a message is no answer."""
    choice = next(iter(getattr(answer, "choices", None) or ()), None)
    said = getattr(choice, "message", None)
    if said is None:
        return Failed("the endpoint's answer has no message", ANSWER_INVALID)
    message: dict[str, Any] = {"role": "assistant", "content": said.content}
    if calls := said.tool_calls:
        message["tool_calls"] = [c.model_dump(exclude_none=True) for c in calls]
    if thought := getattr(said, "reasoning_content", None):
        message["reasoning_content"] = thought
    usage = getattr(answer, "usage", None)
    return Reply(
        message=_tidy(message),
        finish_reason=getattr(choice, "finish_reason", None) or "",
        input_tokens=_count(getattr(usage, "prompt_tokens", 0)),
        output_tokens=_count(getattr(usage, "completion_tokens", 0)),
        duration_ms=duration_ms,
    )


def _tidy(value: Any) -> Any:
    """The value with NUL and lone surrogates replaced: no database takes the one, no JSON the other."""
    if isinstance(value, str):
        return _UNTIDY.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {k: _tidy(v) for k, v in value.items()}
    return [_tidy(v) for v in value] if isinstance(value, list) else value


def _count(tokens: Any) -> int:
    """A token count within 32 bits, whatever an endpoint claims."""
    return min(max(tokens, 0), 2**31 - 1) if isinstance(tokens, int) else 0
