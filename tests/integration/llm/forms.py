"""Answers as each provider writes them, whole and in pieces: one text answer and one tool call in every form.

The text is "Hello there", 11 tokens in and 3 out; the tool call is f(a=1).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from tests.integration.llm.endpoint import Answer

Json = Mapping[str, Any]


def sse(*events: Json | str, named: bool = False) -> Answer:
    """Server-sent events, each its own chunk; ``named`` gives each the name of its ``type``, as Anthropic does."""
    return Answer(chunks=[_event(e, named) for e in events])


def _event(event: Json | str, named: bool) -> bytes:
    data = event if isinstance(event, str) else json.dumps(event)
    name = f"event: {event['type']}\n" if named and not isinstance(event, str) else ""
    return f"{name}data: {data}\n\n".encode()


def whole(body: Json) -> Answer:
    return Answer(body=json.dumps(body))


# --- OpenAI: openai, deepseek, qwen, qianfan, ark, arkbot, azure -----------------------------------------------------

OPENAI_USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
_CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def _completion(message: Json, reason: str) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return whole({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                  "usage": OPENAI_USAGE})  # fmt: skip


def openai_chunk(delta: Json, reason: str | None = None, **more: Any) -> Json:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}


def _openai_end(reason: str) -> Iterable[Json | str]:
    usage = {**openai_chunk({}), "choices": [], "usage": OPENAI_USAGE}
    return openai_chunk({}, reason), usage, "[DONE]"


OPENAI = {
    "text": _completion({"content": "Hello there"}, "stop"),
    "call": _completion({"content": None, "tool_calls": [_CALL]}, "tool_calls"),
    "text in pieces": sse(
        openai_chunk({"role": "assistant", "content": ""}),
        openai_chunk({"content": "Hello"}),
        openai_chunk({"content": " there"}),
        *_openai_end("stop"),
    ),
    "call in pieces": sse(
        openai_chunk({"tool_calls": [{"index": 0, **_CALL, "function": {"name": "f", "arguments": ""}}]}),
        openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
        openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        *_openai_end("tool_calls"),
    ),
}  # fmt: skip


# --- Anthropic -------------------------------------------------------------------------------------------------------


def _claude(content: Json, reason: str) -> Answer:
    return whole({"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [content],
                  "stop_reason": reason, "stop_sequence": None,
                  "usage": {"input_tokens": 11, "output_tokens": 3}})  # fmt: skip


def _claude_pieces(block: Json, deltas: Iterable[Json], reason: str) -> Answer:
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
               "usage": {"input_tokens": 11, "output_tokens": 1}}  # fmt: skip
    return sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": d} for d in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
        named=True,
    )


CLAUDE = {
    "text": _claude({"type": "text", "text": "Hello there"}, "end_turn"),
    "call": _claude({"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}, "tool_use"),
    "text in pieces": _claude_pieces(
        {"type": "text", "text": ""},
        [{"type": "text_delta", "text": "Hello"}, {"type": "text_delta", "text": " there"}],
        "end_turn",
    ),
    "call in pieces": _claude_pieces(
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
        [{"type": "input_json_delta", "partial_json": '{"a":'}, {"type": "input_json_delta", "partial_json": " 1}"}],
        "tool_use",
    ),
}


# --- Gemini ----------------------------------------------------------------------------------------------------------


def _gemini(part: Json, reason: str | None = "STOP", output: int = 3) -> Json:
    candidate = {"content": {"role": "model", "parts": [part]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    usage = {"promptTokenCount": 11, "candidatesTokenCount": output, "totalTokenCount": 11 + output}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r1"}


GEMINI = {
    "text": whole(_gemini({"text": "Hello there"})),
    "call": whole(_gemini({"functionCall": {"name": "f", "args": {"a": 1}}})),
    "text in pieces": sse(_gemini({"text": "Hello"}, None, 1), _gemini({"text": " there"})),
    "call in pieces": sse(_gemini({"functionCall": {"name": "f", "args": {"a": 1}}})),
}


# --- Ollama: one JSON object a line ----------------------------------------------------------------------------------


def _ollama(message: Json, done: bool = True) -> Json:
    answer: dict[str, Any] = {"model": "m", "created_at": "2025-01-01T00:00:00Z", "done": done,
                              "message": {"role": "assistant", "content": "", **message}}  # fmt: skip
    return answer | ({"done_reason": "stop", "prompt_eval_count": 11, "eval_count": 3} if done else {})


def _lines(*objects: Json) -> Answer:
    headers = {"content-type": "application/x-ndjson"}
    return Answer(chunks=[json.dumps(o).encode() + b"\n" for o in objects], headers=headers)


_OLLAMA_CALL = {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}
OLLAMA = {
    "text": whole(_ollama({"content": "Hello there"})),
    "call": whole(_ollama(_OLLAMA_CALL)),
    "text in pieces": _lines(_ollama({"content": "Hello"}, False), _ollama({"content": " there"}, False), _ollama({})),
    "call in pieces": _lines(_ollama(_OLLAMA_CALL, False), _ollama({})),
}


# --- Bedrock: Converse, in pieces as AWS event stream frames ---------------------------------------------------------


def _converse(content: Json, reason: str) -> Answer:
    return whole({"output": {"message": {"role": "assistant", "content": [content]}}, "stopReason": reason,
                  "usage": {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14},
                  "metrics": {"latencyMs": 1}})  # fmt: skip


def frame(event: str, payload: Json) -> bytes:
    """One AWS event stream message: lengths, CRC, headers (each a text), payload, CRC."""
    headers = b""
    for name, value in ((":event-type", event), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def _converse_pieces(start: Json | None, deltas: Iterable[Json], reason: str) -> Answer:
    frames = [frame("messageStart", {"role": "assistant"})]
    if start:
        frames.append(frame("contentBlockStart", {"start": start, "contentBlockIndex": 0}))
    frames += [frame("contentBlockDelta", {"delta": d, "contentBlockIndex": 0}) for d in deltas]
    frames += [frame("contentBlockStop", {"contentBlockIndex": 0}), frame("messageStop", {"stopReason": reason})]
    usage = {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14}
    frames.append(frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}))
    return Answer(chunks=frames, headers={"content-type": "application/vnd.amazon.eventstream"})


BEDROCK = {
    "text": _converse({"text": "Hello there"}, "end_turn"),
    "call": _converse({"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}}, "tool_use"),
    "text in pieces": _converse_pieces(None, [{"text": "Hello"}, {"text": " there"}], "end_turn"),
    "call in pieces": _converse_pieces(
        {"toolUse": {"toolUseId": "t1", "name": "f"}},
        [{"toolUse": {"input": '{"a":'}}, {"toolUse": {"input": " 1}"}}],
        "tool_use",
    ),
}
