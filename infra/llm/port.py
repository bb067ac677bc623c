"""The port of the models: what a call says, what comes back, and how it fails. `cozeloop.platform` shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

CALLS_USED_UP: Final = 601505003
"""The quota of calls a minute (``qpm``) is used up; a later call may succeed."""
TOKENS_USED_UP: Final = 601505004
"""The quota of tokens a minute (``tpm``) is used up; a later call may succeed."""
MODEL_INVALID: Final = 601505005
"""The model is unknown, not for this space, or not available in this scenario."""
BUILD_FAILED: Final = 601505006
"""The model's configuration cannot be turned into a call."""
REQUEST_INVALID: Final = 601505007
"""The call was refused before it left."""
NOT_COMPATIBLE: Final = 601505008
"""The call wants what the model's `ability` says it has not."""
CALL_FAILED: Final = 601505009
"""The model's endpoint refused or could not be reached."""
ANSWER_INVALID: Final = 601505010
"""The endpoint answered something that is no chat completion."""
TIMED_OUT: Final = 601505012
"""No answer in time."""


@dataclass(frozen=True)
class Chat:
    """One call of a model. Messages and tools in OpenAI's form; ``parameters`` in Coze Loop's model_config names.

    Tool calls may also be in the contract's form (``function_call``), a tool's parameters a JSON text. ``tool_choice``
    is OpenAI's: ``auto``, ``none``, ``required``, or a function that is named. ``patience``: seconds that the call may
    wait for its quota before it is refused.
    """

    model_id: str
    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] = ()
    scenario: str = "default"
    space_id: str = ""
    tool_choice: str | Mapping[str, Any] = ""
    patience: float = 0.0


@dataclass(frozen=True)
class Reply:
    """A model's answer: OpenAI's message, finish reason and token usage. ``duration_ms`` counts every attempt."""

    message: Mapping[str, Any]
    finish_reason: str
    input_tokens: int
    output_tokens: int
    duration_ms: int = 0


@dataclass(frozen=True)
class Delta:
    """What one piece of an answer adds. ``tool_calls`` are OpenAI's increments, each with its ``index``.

    The last one alone has a ``finish_reason`` and the tokens of the whole call.
    """

    content: str = ""
    reasoning_content: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class ModelFailed(Exception):
    """A model call ended in an error; ``retryable`` when another try might not. Carries no secret."""

    def __init__(self, message: str, code: int = CALL_FAILED, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class Models(Protocol):
    """The configured models and the way to call them."""

    def list(self, space_id: str, scenario: str) -> Sequence[Mapping[str, Any]]:
        """Contract model objects, secrets masked, of this space and scenario."""
        ...

    def get(self, model_id: str, space_id: str | None = None) -> Mapping[str, Any] | None:
        """The contract model object, secrets masked; None when unknown or not for the space that is named."""
        ...

    async def chat(self, call: Chat) -> Reply:
        """One answer, with retries on 429 and 5xx. Raises ModelFailed."""
        ...

    def stream(self, call: Chat) -> AsyncIterator[Delta]:
        """The answer as it is made; the last piece says why it ends and what it cost. Raises ModelFailed.

        Retries as `chat` until the first piece has come. The timeout counts from piece to piece. Whoever stops early
        closes the iterator (``contextlib.aclosing``): that, and cancellation, ends the call at the endpoint.
        """
        ...
