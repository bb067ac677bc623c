"""The platform's own traces: what a step of an experiment came to, as spans.

Ids follow from run, item, repetition, step and part alone, so that a step that is done again makes the same spans and
none twice. A step is a trace of its own: the console opens the target's and each evaluator's by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from commands.traces.clipping import CONTENT_BYTES, FIELD_BYTES, clip
from commands.traces.rows import Row
from events.evaluators import EvaluatorRan
from events.event import Erased
from events.experiments import EvaluatorFailed, EvaluatorScored, TargetAnswered, TargetFailed

TARGET, EVALUATOR = "EvalTarget", "Evaluator"
ROOT, MODEL, ATTEMPT = "root", "model", "attempt"

Outcome = TargetAnswered | TargetFailed | EvaluatorScored | EvaluatorFailed


@dataclass(frozen=True)
class Step:
    """An outcome with what it was made of. ``at`` is when it was decided, in microseconds.

    ``model`` names the model that was asked with ``messages`` (a JSON list), empty when none was. ``attempt`` counts
    tries that failed before the last one, from 1; 0 is the last.
    """

    space_id: str
    step: int
    event: Outcome
    at: int
    input: str = ""
    model: str = ""
    messages: str = ""
    attempt: int = 0


def trace_id_of(run_id: str, item_id: str, step: int, repetition: int = 0) -> str:
    """The trace of a step; the target's step is 0."""
    return _digest("trace", run_id, item_id, repetition, step)[:32]


def trace_id_of_record(record_id: str) -> str:
    """The trace of an evaluator's run outside of an experiment."""
    return trace_id_of(record_id, "", 0)


def span_id_of(run_id: str, item_id: str, step: int, part: str, repetition: int = 0) -> str:
    """A span of the step's trace."""
    return _digest("span", run_id, item_id, repetition, step, part)[:16]


def rows_of(step: Step) -> list[Row]:
    """The step's root and the call of a model below it.

    Of an attempt before the last the call alone; where no model was asked, a span that says what came of it.
    """
    event, tokens = step.event, _tokens(step.event)
    run, item, number = event.run_id, event.item_id, step.step
    target = isinstance(event, TargetAnswered | TargetFailed)
    code = 0 if isinstance(event, TargetAnswered | EvaluatorScored) else event.code or -1
    about: dict[str, Any] = {
        "trace_id": trace_id_of(run, item, number),
        "start_time": step.at - event.duration_ms * 1000,
        "duration": event.duration_ms * 1000,
        "space_id": int(step.space_id),
        "call_type": TARGET if target else EVALUATOR,
        "status_code": code,
        "output": _cut(_output(event)),
    }
    tags = {"experiment_id": event.experiment_id, "run_id": run, "item_id": item}
    if code:
        tags["error"] = clip(_output(event), FIELD_BYTES)
    if isinstance(event, EvaluatorScored | EvaluatorFailed):
        tags["evaluator_version_id"] = event.evaluator_version_id
    root_id = span_id_of(run, item, number, ROOT)
    rows = []
    if not step.attempt or not step.messages:
        score = {"score": event.score} if isinstance(event, EvaluatorScored) else {}
        part = f"{ATTEMPT}/{step.attempt}"
        rows.append(
            Row(
                **about,
                span_id=span_id_of(run, item, number, part) if step.attempt else root_id,
                parent_id=root_id if step.attempt else "0",
                span_name=TARGET if target else EVALUATOR,
                span_type="prompt" if target else "evaluator",
                input=_cut(step.input),
                tags_string=tags,
                tags_double=score,
            )
        )
    if step.messages:
        part = f"{MODEL}/{step.attempt}" if step.attempt else MODEL
        named = {**tags, **({"model_name": clip(step.model, FIELD_BYTES)} if step.model else {})}
        rows.append(
            Row(
                **about,
                span_id=span_id_of(run, item, number, part),
                parent_id=root_id,
                span_name=clip(step.model, FIELD_BYTES) or MODEL,
                span_type=MODEL,
                input=_conversation(step.messages),
                tags_string=named,
                tags_long=tokens,
            )
        )
    return rows


def rows_of_evaluation(space_id: str, event: EvaluatorRan, at: int) -> list[Row]:
    """A run of an evaluator outside of an experiment, whose trace is its record's: as an evaluator's step."""
    text = event.message if event.code else event.reasoning
    about: dict[str, Any] = {
        "trace_id": trace_id_of_record(event.record_id),
        "start_time": at - event.duration_ms * 1000,
        "duration": event.duration_ms * 1000,
        "space_id": int(space_id),
        "call_type": EVALUATOR,
        "status_code": event.code,
        "output": "" if isinstance(text, Erased) else _cut(text),
    }
    tags = {"evaluator_version_id": event.evaluator_version_id, "record_id": event.record_id}
    if event.code:
        tags["error"] = clip(about["output"], FIELD_BYTES)
    root = span_id_of(event.record_id, "", 0, ROOT)
    given = "" if isinstance(event.input, Erased) else _cut(orjson.dumps(event.input).decode())
    score = {} if event.score is None else {"score": event.score}
    named: dict[str, Any] = {"span_name": EVALUATOR, "span_type": "evaluator"}
    rows = [Row(**about, **named, span_id=root, input=given, tags_string=tags, tags_double=score)]
    if event.asked and not isinstance(event.asked, Erased):
        call: dict[str, Any] = {"span_id": span_id_of(event.record_id, "", 0, MODEL), "parent_id": root}
        kind: dict[str, Any] = {
            "span_name": MODEL,
            "span_type": MODEL,
            "tags_long": _used(event.input_tokens, event.output_tokens),
        }
        rows.append(Row(**about, **call, **kind, input=_conversation(event.asked), tags_string=tags))
    return rows


def _output(event: Outcome) -> str:
    match event:
        case TargetAnswered():
            said = event.output
        case EvaluatorScored():
            said = event.reasoning
        case _:
            said = event.message
    return "" if isinstance(said, Erased) else said


def _tokens(event: Outcome) -> Mapping[str, int]:
    if isinstance(event, TargetFailed):
        return {}
    return _used(event.input_tokens, event.output_tokens)


def _used(asked: int, answered: int) -> dict[str, int]:
    total = asked + answered
    return {"input_tokens": asked, "output_tokens": answered, "tokens": total} if total else {}


def _conversation(messages: str) -> str:
    """A model's input as SDKs report it and as the console draws it."""
    return _cut(f'{{"messages":{messages}}}')


def _cut(text: str) -> str:
    return clip(text, CONTENT_BYTES)


def _digest(*parts: str | int) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
