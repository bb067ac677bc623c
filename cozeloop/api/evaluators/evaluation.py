"""One evaluation of one input, by code or by a judge, and how the contract shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commands.evaluators.content import code_of, is_judge
from cozeloop.api.edge import Edge
from cozeloop.judging.judge import judge
from cozeloop.platform import CodeResult

Json = dict[str, Any]
AT_ONCE = 10
"""Judges of one request that are asked at the same time."""
UNSAID = 601205023
"""An evaluator that gave neither a score nor a reason why not."""


@dataclass(frozen=True)
class Evaluated:
    """A score with its reason, or an error; `EvaluatorRan` has the same fields."""

    code: int = 0
    score: float | None = None
    reasoning: str = ""
    message: str = ""
    stdout: str = ""
    asked: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0


async def evaluate(
    edge: Edge, space: str, version_id: str, content: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]
) -> list[Evaluated]:
    """What became of each input, in their order; ``inputs`` are the contract's input data."""
    if is_judge(content):
        turns = asyncio.Semaphore(AT_ONCE)
        return list(await asyncio.gather(*(_judged(edge, space, content, given, turns) for given in inputs)))
    results = await edge.platform.code.evaluate(space, version_id, code_of(content), [_turn(g) for g in inputs])
    return [_scored(result) for result in results]


def output_data(found: Any) -> Json:
    """The contract's output data of an `Evaluated`, or of an event with its fields."""
    output: Json = {
        "evaluator_usage": {"input_tokens": str(found.input_tokens), "output_tokens": str(found.output_tokens)},
        "time_consuming_ms": str(found.duration_ms),
        "stdout": found.stdout,
    }
    if found.code:
        output["evaluator_run_error"] = {"code": found.code, "message": found.message}
    else:
        output["evaluator_result"] = {"score": found.score, "reasoning": found.reasoning}
    return output


async def _judged(
    edge: Edge, space: str, content: Mapping[str, Any], given: Mapping[str, Any], turns: asyncio.Semaphore
) -> Evaluated:
    async with turns:
        said = await judge(edge.platform.models, space, content, _fields(given), given.get("history_messages") or ())
    return Evaluated(
        code=said.code,
        score=said.score,
        reasoning=said.reason,
        message=said.error,
        asked=said.asked,
        input_tokens=said.input_tokens,
        output_tokens=said.output_tokens,
        duration_ms=said.duration_ms,
    )


def _scored(result: CodeResult) -> Evaluated:
    about = {"stdout": result.stdout, "duration_ms": result.duration_ms}
    if result.error_code or result.score is None:
        return Evaluated(code=result.error_code or UNSAID, message=result.error, **about)
    return Evaluated(score=round(result.score, 2), reasoning=result.reason, **about)


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a judge's template may name."""
    parts = ("evaluate_dataset_fields", "evaluate_target_output_fields", "input_fields")
    return {key: value for part in parts for key, value in (given.get(part) or {}).items()}


def _turn(given: Mapping[str, Any]) -> Json:
    """What a script is called with."""
    parts = ("evaluate_dataset_fields", "evaluate_target_output_fields", "ext")
    return {part: given.get(part) or {} for part in parts}
