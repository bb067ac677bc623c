"""Records of evaluations as the contract shows them, from runs and from experiments' steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from commands.traces.runs import trace_id_of, trace_id_of_record
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.evaluators.evaluation import Evaluated, output_data
from cozeloop.api.people import base_info_users
from cozeloop.api.values import milliseconds
from events.evaluators import EvaluatorRan
from events.event import Recorded
from projections.evaluators.evaluator_records import get_evaluator_records, row_of
from projections.experiments.outcomes import outcomes_by_record

Json = dict[str, Any]
Row = Mapping[str, Any]
RECORD_MISSING = 601205022
SUCCESS, FAIL = 1, 2
ASKED = "rendered_prompt"
"""The key of a record's ``ext`` under which a judge's rendered prompt stands, as JSON of the model call's messages."""


async def of_event(edge: Edge, recorded: Recorded[EvaluatorRan]) -> Json:
    """The record of a run that was just made, or that is answered again."""
    return _of_run(row_of(recorded), await base_info_users(edge, [recorded.meta.actor]))


async def of_ids(edge: Edge, ids: Sequence[str], space: str = "") -> list[tuple[str, str, Json]]:
    """Those of the records that exist (in the space, when one is named), in the order of the ids.

    Each with what it belongs to: ``evaluators`` or ``experiments``, and its id.
    """
    runs = await edge.ask(get_evaluator_records, ids)
    steps = await edge.ask(outcomes_by_record, ids)
    users = await base_info_users(edge, [r["created_by"] for r in runs])
    found = {r["record_id"]: ("experiments", r["experiment_id"], _of_step(r)) for r in steps if _in(r, space)}
    found |= {r["record_id"]: ("evaluators", r["evaluator_id"], _of_run(r, users)) for r in runs if _in(r, space)}
    return [found[i] for i in dict.fromkeys(ids) if i in found]


def missing() -> ApiError:
    """The refusal of an unknown or foreign record."""
    return ApiError(RECORD_MISSING, "evaluator record not found")


def _in(row: Row, space: str) -> bool:
    return not space or row["space_id"] == space


def _of_run(row: Row, users: Mapping[str, Json]) -> Json:
    user = users.get(row["created_by"], {"user_id": row["created_by"]})
    shown = {
        **_record(row, orjson.loads(row["ext"])),
        "trace_id": trace_id_of_record(row["record_id"]),
        "turn_id": row["turn_id"] or "0",
        "evaluator_input_data": orjson.loads(row["input"]),
    }
    at = milliseconds(row["created_at"])
    return {**shown, "base_info": {"created_by": user, "updated_by": user, "created_at": at, "updated_at": at}}


def _of_step(row: Row) -> Json:
    at = milliseconds(row["recorded_at"])
    trace = trace_id_of(row["run_id"], row["item_id"], row["step"])
    return {**_record(row, {}), "trace_id": trace, "turn_id": "0", "base_info": {"created_at": at, "updated_at": at}}


def _record(row: Row, ext: Mapping[str, str]) -> Json:
    numbers = {k: row[k] for k in ("code", "stdout", "asked", "input_tokens", "output_tokens", "duration_ms")}
    score = row["score"] if row["score"] is None else float(row["score"])
    found = Evaluated(**numbers, score=score, reasoning=row["text"], message=row["text"])
    return {
        "id": row["record_id"],
        "experiment_id": row["experiment_id"] or "0",
        "experiment_run_id": row["run_id"] or "0",
        "item_id": row["item_id"] or "0",
        "evaluator_version_id": row["evaluator_version_id"],
        "status": FAIL if row["code"] else SUCCESS,
        "evaluator_output_data": output_data(found),
        "ext": {**ext, **({ASKED: row["asked"]} if row["asked"] else {})},
    }
