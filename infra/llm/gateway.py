"""Calls the models of a catalogue through litellm: quotas, timeouts, retries, tokens, and no secret in any error."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from infra.cache.limits import ProcessLimits
from infra.llm.answers import reply
from infra.llm.attempt import Failed, attempt, failure, loaded, seconds_asked
from infra.llm.catalogue import Catalogue
from infra.llm.clients import client_of, http_client
from infra.llm.contract import model_object
from infra.llm.model import Model
from infra.llm.parameters import arguments
from infra.llm.port import BUILD_FAILED, MODEL_INVALID, Chat, Delta, ModelFailed, Reply
from infra.llm.protocols import translated, wire_of
from infra.llm.quota import Limits, Quotas, Turn
from infra.llm.secrets import Scrubber
from infra.llm.streaming import Upstream


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


@dataclass(frozen=True, repr=False)
class _Prepared:
    """A call ready to be tried; its keywords hold a key."""

    model: Model
    call: Chat
    client: Any
    keywords: Mapping[str, Any]
    seconds: float


class LitellmGateway:
    """Implements ``Models``. One for a process and event loop; ``aclose`` ends its connections."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        timeout: float = 60.0,
        retries: Retries | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._models = {str(m.id): m for m in catalogue.models}
        self._objects = {id: model_object(m) for id, m in self._models.items()}
        self._scrub = Scrubber(s for m in catalogue.models for s in m.secrets())
        self._timeout = timeout
        self._retries = retries or Retries()
        self._quotas = Quotas(limits or ProcessLimits(), sleep)
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
        prepared = await self._prepared(call)
        started = time.monotonic()
        tried = 0
        while True:
            turn = await self._turn(prepared, tried)
            tried += 1
            answer = await attempt(prepared.client, prepared.keywords, prepared.seconds)
            if not isinstance(answer, Failed):
                answer = reply(answer, round((time.monotonic() - started) * 1000))
            if isinstance(answer, Reply):
                await turn.settle(answer.input_tokens + answer.output_tokens)
                return answer
            await self._again(prepared, turn, answer, tried)

    async def stream(self, call: Chat) -> AsyncIterator[Delta]:
        """The answer as it is made; tried again only until its first piece. Raises ModelFailed as `chat` does."""
        prepared = await self._prepared(call)
        tried = 0
        while True:
            turn = await self._turn(prepared, tried)
            tried += 1
            upstream = Upstream(prepared.client, prepared.keywords, prepared.seconds)
            try:
                piece = await upstream.next()
                while not isinstance(piece, Failed):
                    if piece.finish_reason:
                        await turn.settle(piece.input_tokens + piece.output_tokens)
                        yield piece
                        return
                    yield piece
                    piece = await upstream.next()
            finally:
                await upstream.close()
            await self._again(prepared, turn, piece, tried)

    async def _prepared(self, call: Chat) -> _Prepared:
        model = self._models.get(call.model_id)
        if not model or not model.serves(call.space_id):
            raise ModelFailed(f"model {call.model_id} is not configured", MODEL_INVALID)
        if not model.available(call.scenario):
            raise ModelFailed(f"model {model.name} is not available for {call.scenario}", MODEL_INVALID)
        keywords, merged = translated(model, arguments(model, call))
        client = await self._client(model, merged)
        seconds = (model.protocol_config.timeout_ms or 0) / 1000 or self._timeout
        return _Prepared(model, call, client, keywords, seconds)

    async def _turn(self, prepared: _Prepared, tried: int) -> Turn:
        """When it may go: another attempt of a call that was let in waits its turn rather than fail."""
        patience = max(prepared.call.patience, self._retries.longest if tried else 0.0)
        wanted = prepared.keywords.get("max_tokens") or 0
        return await self._quotas.enter(prepared.model, prepared.call, wanted, patience)

    async def _again(self, prepared: _Prepared, turn: Turn, failed: Failed, tried: int) -> None:
        """Waits until another attempt may be made; raises ModelFailed when none may."""
        await turn.settle(0)
        asked = seconds_asked(failed.retry_after, self._clock())
        wait = self._retries.wait(tried, asked, self._chance()) if failed.again else None
        if wait is None:
            raise failure(prepared.model.name, replace(failed, message=self._scrub(failed.message)), tried)
        await self._sleep(wait)

    async def _client(self, model: Model, merged: Mapping[str, Any]) -> Any:
        """The model's client; all share their connections' pool."""
        wire = wire_of(model)
        await self.warm()
        client = self._clients.get(str(model.id)) if not merged else None
        if client is None:
            self._http = self._http or http_client()
            client = client_of(model, wire, self._http, merged)
            if client is None:
                raise ModelFailed(f"model {model.name}: base_url is no address", BUILD_FAILED)
            if not merged:
                self._clients[str(model.id)] = client
        return client
