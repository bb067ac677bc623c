"""One attempt of a model call through litellm, and what it came to.

litellm names an error after its message; what decides about another try is what HTTP itself said, so the client's
hooks note it. litellm takes seconds to import and is loaded when the first call needs it, in a thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from infra.llm.port import ANSWER_INVALID, CALL_FAILED, REQUEST_INVALID, TIMED_OUT, ModelFailed

AGAIN = frozenset({408, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses after which another try may succeed."""
LONGEST_MESSAGE = 500
FIXED = {
    "max_retries": 0,
    "num_retries": 0,
    "drop_params": True,  # what OpenAI's newer models refuse, as a temperature, is left out instead
    "_skip_mcp_handler": True,  # with tools litellm would look for the package mcp, which it does not declare
}
_loading = threading.Lock()
_ready = threading.Event()
_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


@dataclass
class Noted:
    """What HTTP said during one attempt. ``retry_after`` in seconds, or a date's text.

    ``streamed``: the answer comes in pieces.
    """

    sent: bool = False
    status: int = 0
    retry_after: str = ""
    body: str = ""
    streamed: bool = False
    responses: list[httpx.Response] = field(default_factory=list)


@dataclass(frozen=True)
class Failed:
    """An attempt without an answer: what is wrong, and whether and when another one may succeed."""

    message: str
    code: int
    retryable: bool = False
    again: bool = False
    retry_after: str = ""


def load() -> Any:
    """The litellm module: no network, no ``.env`` file, no telemetry, no logs. Blocks for seconds once."""
    with _loading:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        os.environ["LITELLM_MODE"] = "PRODUCTION"
        import litellm
        from litellm.llms.ollama.common_utils import OllamaModelInfo

        # it would ask Ollama what the model can, over a connection of its own, while the whole process waits
        OllamaModelInfo.get_runtime_model_info = _unasked  # type: ignore[method-assign]
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            # it logs whole requests; what a caller must know is in ModelFailed
            logging.getLogger(name).setLevel(logging.CRITICAL)
        _ready.set()
        return litellm


def _unasked(info: Any, model: str, api_base: str | None = None, api_key: str | None = None) -> dict[str, Any]:
    limits = dict.fromkeys(("max_tokens", "max_input_tokens", "max_output_tokens"))
    costs = dict.fromkeys(("input_cost_per_token", "output_cost_per_token"), 0.0)
    return (
        {"key": model, "litellm_provider": "ollama", "mode": "chat", "supports_function_calling": True} | costs | limits
    )


async def loaded() -> Any:
    """The litellm module; the first time it is imported beside the event loop."""
    return sys.modules["litellm"] if _ready.is_set() else await asyncio.to_thread(load)


async def on_request(request: httpx.Request) -> None:
    """For the client's hooks."""
    if noted := _noted.get():
        noted.sent = True


async def on_response(response: httpx.Response) -> None:
    """For the client's hooks."""
    if noted := _noted.get():
        noted.responses.append(response)
        noted.status = response.status_code
        noted.retry_after = response.headers.get("retry-after", "")
        if response.status_code >= 300:
            await response.aread()
            noted.body = response.text[:10_000]


async def attempt(client: Any, keywords: Mapping[str, Any], seconds: float) -> Any | Failed:
    """The answer of litellm, or why there is none. Never raises but for cancellation."""
    litellm = await loaded()
    work = litellm.acompletion(client=client, timeout=seconds, **FIXED, **keywords)
    return await step(Noted(), work, seconds)


async def step(noted: Noted, work: Awaitable[Any], seconds: float) -> Any | Failed:
    """What the work gives, or why it failed; HTTP's words go to ``noted``. Never raises but for cancellation."""
    token = _noted.set(noted)
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return _timed_out(seconds)
    except Exception as error:
        if noted.status == 0 and isinstance(error, sys.modules["litellm"].Timeout):
            return _timed_out(seconds)
        return explain(noted, error)
    finally:
        _noted.reset(token)


def _timed_out(seconds: float) -> Failed:
    return Failed(f"no answer within {seconds:g} s", TIMED_OUT, retryable=True)


def explain(noted: Noted, error: Exception) -> Failed:
    """What went wrong, from what HTTP said."""
    if not noted.sent:
        return Failed(f"the call was refused before it left: {_first_line(error)}", REQUEST_INVALID)
    if noted.status == 0:
        return Failed(f"the endpoint cannot be reached ({_root(error)})", CALL_FAILED, retryable=True, again=True)
    if noted.status < 300 and noted.streamed:
        return Failed(f"the answer broke off: {_first_line(error)}", CALL_FAILED, retryable=True)
    if noted.status < 300:
        return Failed("the endpoint's answer is no chat completion", ANSWER_INVALID)
    again = noted.status in AGAIN and "insufficient_quota" not in noted.body
    message = f"the endpoint answered {noted.status}: {said(noted.body)}"
    return Failed(message, CALL_FAILED, retryable=again, again=again, retry_after=noted.retry_after)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _root(error: BaseException) -> str:
    """The innermost cause's class and text: the outer ones only repeat it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return f"{type(error).__name__}: {_first_line(error)}" if str(error) else type(error).__name__  # type: ignore[arg-type]


def said(body: str) -> str:
    """The message within an error body, in any of the forms that endpoints use, on one line."""
    text = body
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if isinstance(value, dict):
        value = value.get("error") or value.get("message") or value.get("detail") or value
        if isinstance(value, dict):
            value = value.get("message") or value.get("code") or value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) or "nothing"


def seconds_asked(retry_after: str, now: float) -> float | None:
    """A ``Retry-After`` header in seconds from now; None when there is none or it says nothing."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except ValueError:
            return None
    return max(seconds, 0.0) if seconds == seconds else None  # noqa: PLR0124 - nan is the only value unequal to itself


def failure(model: str, failed: Failed, attempts: int) -> ModelFailed:
    """The error that a caller sees. The text is already free of secrets."""
    times = f" after {attempts} attempts" if attempts > 1 else ""
    text = failed.message if len(failed.message) <= LONGEST_MESSAGE else failed.message[:LONGEST_MESSAGE] + "…"
    return ModelFailed(f"model {model}{times}: {text}", failed.code, failed.retryable)
