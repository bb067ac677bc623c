"""An evaluator's step of an experiment when it asks a model: one item, one judgement, one outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cozeloop.judging.judge import judge
from cozeloop.work.plans import EvaluatorPlan
from events.experiments import EvaluatorFailed, EvaluatorScored
from infra.llm.port import Models


async def ask_judge(
    evaluator: EvaluatorPlan,
    models: Models,
    space_id: str,
    about: Mapping[str, Any],
    columns: Mapping[str, Any],
    output: str | None,
) -> EvaluatorScored | EvaluatorFailed:
    """The score, or why there is none; never raises for what item, model or answer caused.

    ``about`` are the fields that every outcome has, ``output`` what the target answered, None without a target.
    """
    assert evaluator.judge is not None
    said = await judge(models, space_id, evaluator.judge, evaluator.inputs(columns, output))
    told: dict[str, Any] = {
        **about,
        "step": evaluator.step,
        "evaluator_version_id": evaluator.version_id,
        "stdout": "",
        "asked": said.asked,
        "input_tokens": said.input_tokens,
        "output_tokens": said.output_tokens,
        "duration_ms": said.duration_ms,
    }
    if said.score is None:
        return EvaluatorFailed(**told, code=said.code, message=said.error)
    return EvaluatorScored(**told, score=said.score, reasoning=said.reason)
