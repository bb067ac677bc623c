"""Asks a judge: renders its prompt, calls its model, reads score and reason, and holds the score to its scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson

from commands.evaluators.content import model_id_of
from commands.evaluators.messages import EvaluatorToolInvalid
from commands.evaluators.scale import function_of, parameters_of, scale_of
from cozeloop.judging.template import Inputs, NotJudgeable, checked, render
from cozeloop.judging.verdict import OUTPUT_INVALID, NoVerdict, Verdict, of_call, of_text
from infra.llm.port import Chat, ModelFailed, Models

SCENARIO = "evaluator"
VALIDATION_FAILED = 601205033
TOOL = {
    "type": 1,
    "function": {
        "name": "eval",
        "description": "Tell the score of what was evaluated, and the reason for it.",
        "parameters": orjson.dumps(
            {
                "type": "object",
                "properties": {
                    "reason": {"type": "string", "description": "why this score, in a sentence or two"},
                    "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "from 0 to 1"},
                },
                "required": ["reason", "score"],
            }
        ).decode(),
    },
}
"""The contract's tool that a new prompt evaluator may take for its own."""


@dataclass(frozen=True)
class Judgement:
    """What a judge made of some inputs: a score of two decimals with its reason, or an error with its contract code.

    ``asked`` is the JSON of the messages that the model was sent, empty when they could not be made.
    """

    score: float | None = None
    reason: str = ""
    code: int = 0
    error: str = ""
    asked: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0


async def judge(
    models: Models,
    space_id: str,
    content: Mapping[str, Any],
    inputs: Inputs,
    history: Sequence[Mapping[str, Any]] = (),
) -> Judgement:
    """One judgement; what inputs, model or answer cause is in it, nothing of that is raised."""
    started = perf_counter()
    asked, spent = "", {"input_tokens": 0, "output_tokens": 0}
    try:
        call = _call(space_id, content, inputs, history)
        asked = orjson.dumps(call.messages).decode()
        reply = await models.chat(call)
        spent = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
        verdict = _read(content, reply.message)
    except (NotJudgeable, NoVerdict, ModelFailed) as error:
        failed = {"code": error.code, "error": str(error)}
    except EvaluatorToolInvalid as error:
        failed = {"code": VALIDATION_FAILED, "error": error.detail}
    else:
        told = {"score": round(verdict.score, 2), "reason": verdict.reason}
        return Judgement(**told, asked=asked, **spent, duration_ms=_since(started))
    return Judgement(**failed, asked=asked, **spent, duration_ms=_since(started))


def _call(space_id: str, content: Mapping[str, Any], inputs: Inputs, history: Sequence[Mapping[str, Any]]) -> Chat:
    prompt = content["prompt_evaluator"]
    function = function_of(content)
    tools = [{"type": "function", "function": _openai(function)}] if function else []
    name = str(function["name"]) if function else ""
    taken = checked(content.get("input_schemas") or (), inputs)
    return Chat(
        model_id=model_id_of(content),
        messages=render(content, taken, history, scale_of(content), name),
        parameters=prompt.get("model_config") or {},
        tools=tools,
        scenario=SCENARIO,
        space_id=space_id,
    )


def _openai(function: Mapping[str, Any]) -> dict[str, Any]:
    described = str(function.get("description") or "")
    return {"name": function["name"], "description": described, "parameters": parameters_of(function)}


def _read(content: Mapping[str, Any], message: Mapping[str, Any]) -> Verdict:
    function = function_of(content)
    verdict = of_call(message, str(function["name"])) if function else of_text(str(message.get("content") or ""))
    if wrong := scale_of(content).wrong(verdict.score):
        raise NoVerdict(OUTPUT_INVALID, f"{wrong}: {verdict.reason[:300]}")
    return verdict


def _since(started: float) -> int:
    return int((perf_counter() - started) * 1000)
