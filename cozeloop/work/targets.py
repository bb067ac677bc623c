"""Asks an experiment's target: the pinned prompt, rendered with an item's columns, through the model gateway."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import orjson

from cozeloop.prompting import PromptNotRenderable, render, tools
from cozeloop.work.plans import Plan
from cozeloop.work.tasks import ItemTask
from events.experiments import TargetAnswered, TargetFailed
from infra.llm.port import Chat, ModelFailed, Models

USER_QUERY = "builtin_prompt_user_query"
TARGET_FAILED = 601204003


async def ask_target(
    plan: Plan, models: Models, task: ItemTask, index: int, item_id: str, columns: Mapping[str, Any]
) -> tuple[TargetAnswered | TargetFailed, Chat | None]:
    """The answer or the failure, and the call that was made, if one could be.

    Never raises for what the model or the item caused.
    """
    assert plan.prompt is not None
    about: dict[str, Any] = {
        "experiment_id": task.experiment_id,
        "run_id": task.run_id,
        "item_id": item_id,
        "item_index": index,
    }
    started, call = perf_counter(), None
    try:
        call = call_of(plan, task, columns)
        reply = await models.chat(call)
    except PromptNotRenderable as error:
        return TargetFailed(**about, code=error.code, message=str(error), duration_ms=_since(started)), call
    except ModelFailed as error:
        return TargetFailed(**about, code=error.code, message=str(error), duration_ms=_since(started)), call
    except ValueError as error:
        return TargetFailed(**about, code=TARGET_FAILED, message=str(error), duration_ms=_since(started)), call
    answered = TargetAnswered(
        **about,
        output=_text(reply.message),
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        duration_ms=reply.duration_ms or _since(started),
    )
    return answered, call


def call_of(plan: Plan, task: ItemTask, columns: Mapping[str, Any]) -> Chat:
    """The call that a row makes of the plan's prompt; raises PromptNotRenderable or ValueError."""
    assert plan.prompt is not None
    declared = (plan.prompt.get("prompt_template") or {}).get("variable_defs") or ()
    values = {d.get("key", ""): columns.get(d.get("key", "")) for d in declared}
    query = None
    for each in plan.target_mapping:
        content = {"text": each.constant} if each.constant is not None else columns.get(each.from_column)
        if each.field == USER_QUERY:
            query = content
        else:
            values[each.field] = content
    variables = [{"key": k, "value": (v or {}).get("text") or ""} for k, v in values.items() if k]
    messages = [{"role": "user", "content": query.get("text") or "", "skip_render": True}] if query else []
    config = {**(plan.prompt.get("model_config") or {}), **(plan.runtime.get("model_config") or {})}
    return Chat(
        model_id=str(config.get("model_id") or ""),
        messages=render(plan.prompt, variables, messages),
        parameters=config,
        tools=tools(plan.prompt),
        scenario="eval_target",
        space_id=task.space_id,
    )


def _text(message: Mapping[str, Any]) -> str:
    """The answer's text; an answer without content but with tool calls is their JSON."""
    if message.get("content"):
        return str(message["content"])
    calls = message.get("tool_calls")
    return orjson.dumps(calls).decode() if calls else ""


def _since(started: float) -> int:
    return int((perf_counter() - started) * 1000)
