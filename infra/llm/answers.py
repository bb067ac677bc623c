"""What litellm answers, in our words."""

from __future__ import annotations

import re
from typing import Any

from infra.llm.attempt import Failed
from infra.llm.port import ANSWER_INVALID, Delta, Reply

_UNTIDY = re.compile("[\0\ud800-\udfff]")


def reply(answer: Any, duration_ms: int) -> Reply | Failed:
    """A whole answer; one without a message is no answer."""
    choice = next(iter(getattr(answer, "choices", None) or ()), None)
    said = getattr(choice, "message", None)
    if said is None:
        return Failed("the endpoint's answer has no message", ANSWER_INVALID)
    message: dict[str, Any] = {"role": "assistant", "content": said.content}
    if calls := said.tool_calls:
        message["tool_calls"] = [c.model_dump(exclude_none=True) for c in calls]
    if thought := getattr(said, "reasoning_content", None):
        message["reasoning_content"] = thought
    input_tokens, output_tokens = tokens(answer) or (0, 0)
    return Reply(
        message=_tidy(message),
        finish_reason=getattr(choice, "finish_reason", None) or "",
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        duration_ms=duration_ms,
    )


def delta(chunk: Any) -> Delta | None:
    """What a piece of an answer adds; None when it adds nothing."""
    choice = next(iter(getattr(chunk, "choices", None) or ()), None)
    said = getattr(choice, "delta", None)
    if said is None:
        return None
    calls = [_tidy(c.model_dump(exclude_none=True)) for c in getattr(said, "tool_calls", None) or ()]
    content = _tidy(getattr(said, "content", None) or "")
    thought = _tidy(getattr(said, "reasoning_content", None) or "")
    return Delta(content, thought, calls) if content or thought or calls else None


def finish_reason(chunk: Any) -> str:
    """Why the answer ends, when this piece says so."""
    choice = next(iter(getattr(chunk, "choices", None) or ()), None)
    return getattr(choice, "finish_reason", None) or ""


def tokens(answer: Any) -> tuple[int, int] | None:
    """Input and output tokens, when the answer or piece says so."""
    usage = getattr(answer, "usage", None)
    if usage is None:
        return None
    return _count(getattr(usage, "prompt_tokens", 0)), _count(getattr(usage, "completion_tokens", 0))


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
