"""Result pages: the rows of the pinned set with what each experiment made of them, put together from two read sides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from cozeloop.api.edge import Edge
from cozeloop.api.experiments.answers import Row, evaluator_names, pins_of
from projections.datasets.rows import version_page
from projections.datasets.versions import get_versions
from projections.experiments.experiments import TERMINATED
from projections.experiments.outcomes import outcomes_of

QUEUEING, SUCCESS, FAIL, PROCESSING, TERMINAL = 0, 1, 2, 3, 4
ITEM_STATE = {QUEUEING: 0, PROCESSING: 1, SUCCESS: 2, FAIL: 3, TERMINAL: 5}
"""Turn state -> item state, both the contract's numbers."""
RECORD_SUCCESS, RECORD_FAIL = 1, 2


async def result_page(edge: Edge, rows: Sequence[Row], page: int, size: int) -> dict[str, Any]:
    """Page ``page`` (from 1) of the first experiment's items, with every experiment's results on them."""
    baseline = rows[0]
    version = (await edge.ask(get_versions, [baseline["dataset_version_id"]]))[0]
    fields = [f for f in version["fields"] if f.get("status", "available") == "available"]
    items = await edge.ask(version_page, baseline["dataset_id"], baseline["dataset_revision"], (page - 1) * size, size)
    names = await evaluator_names(edge, rows)
    results = await asyncio.gather(*(_outcomes(edge, row, [i["item_id"] for i in items]) for row in rows))
    columns = [_columns(row, names) for row in rows]
    return {
        "column_eval_set_fields": [_field(f) for f in fields],
        "column_evaluators": list({c["evaluator_version_id"]: c for each in columns for c in each}.values()),
        "expt_column_evaluators": [
            {"experiment_id": row["experiment_id"], "column_evaluators": each}
            for row, each in zip(rows, columns, strict=True)
        ],
        "expt_column_annotations": [],
        "expt_column_eval_target": [_target_columns(row) for row in rows if row["prompt_id"]],
        "item_results": [
            _item((page - 1) * size + offset, item, fields, rows, results) for offset, item in enumerate(items)
        ],
        "total": str(baseline["item_count"]),
    }


async def _outcomes(edge: Edge, row: Row, item_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Item id -> its outcomes in one experiment's newest run, by step."""
    found: dict[str, list[Row]] = {}
    for outcome in await edge.ask(outcomes_of, row["run_id"], item_ids, row["ended_position"]):
        found.setdefault(outcome["item_id"], []).append(outcome)
    return found


def _item(
    index: int, item: Row, fields: Sequence[Row], rows: Sequence[Row], results: Sequence[Mapping[str, list[Row]]]
) -> dict[str, Any]:
    turn = {"field_data_list": _cells(item, fields)}
    shown = []
    state = QUEUEING
    for number, (row, found) in enumerate(zip(rows, results, strict=True)):
        outcomes = found.get(item["item_id"], [])
        turn_state = _turn_state(row, outcomes)
        state = turn_state if number == 0 else state
        shown.append({"experiment_id": row["experiment_id"], "payload": _payload(row, outcomes, turn, turn_state)})
    return {
        "item_id": item["item_id"],
        "item_index": str(index),
        "system_info": {"run_state": ITEM_STATE[state]},
        "turn_results": [{"turn_id": "0", "turn_index": "0", "experiment_results": shown}],
    }


def _turn_state(row: Row, outcomes: Sequence[Row]) -> int:
    steps = len(pins_of(row)) + (1 if row["prompt_id"] else 0)
    if any(o["step"] == 0 and o["code"] for o in outcomes):
        return FAIL
    if len(outcomes) == steps:
        return FAIL if any(o["code"] for o in outcomes) else SUCCESS
    if row["status"] == TERMINATED:
        return TERMINAL
    return PROCESSING if outcomes else QUEUEING


def _payload(row: Row, outcomes: Sequence[Row], turn: Mapping[str, Any], state: int) -> dict[str, Any]:
    target = next((o for o in outcomes if o["step"] == 0), None)
    records = {o["evaluator_version_id"]: _evaluator_record(row, o) for o in outcomes if o["step"] > 0}
    scores = [o["score"] for o in outcomes if o["step"] > 0 and o["score"] is not None]
    evaluated: dict[str, Any] = {"evaluator_records": records}
    if scores:
        evaluated["weighted_score"] = round(sum(scores) / len(scores), 2)
    failed = next((o for o in outcomes if o["code"]), None)
    info: dict[str, Any] = {"turn_run_state": state}
    if failed is not None:
        info["error"] = {"detail": failed["text"], "code": str(failed["code"]), "message": failed["text"]}
    return {
        "turn_id": "0",
        "eval_set": {"turn": turn},
        **({"target_output": {"eval_target_record": _target_record(row, target)}} if target else {}),
        "evaluator_output": evaluated,
        "annotate_result": {"annotate_records": {}},
        "system_info": info,
    }


def _target_record(row: Row, outcome: Row) -> dict[str, Any]:
    output: dict[str, Any] = {"time_consuming_ms": str(outcome["duration_ms"])}
    if outcome["code"]:
        output["eval_target_run_error"] = {"code": outcome["code"], "message": outcome["text"]}
    else:
        output["output_fields"] = {"actual_output": {"content_type": "Text", "format": 2, "text": outcome["text"]}}
        output["eval_target_usage"] = {
            "input_tokens": str(outcome["input_tokens"]),
            "output_tokens": str(outcome["output_tokens"]),
            "total_tokens": str(outcome["input_tokens"] + outcome["output_tokens"]),
        }
    return {
        **_record(row, outcome),
        "target_id": row["target_id"],
        "target_version_id": row["target_version_id"],
        "eval_target_output_data": output,
    }


def _evaluator_record(row: Row, outcome: Row) -> dict[str, Any]:
    output: dict[str, Any] = {"time_consuming_ms": str(outcome["duration_ms"]), "stdout": outcome["stdout"]}
    if outcome["code"]:
        output["evaluator_run_error"] = {"code": outcome["code"], "message": outcome["text"]}
    else:
        output["evaluator_result"] = {"score": outcome["score"], "reasoning": outcome["text"]}
    output["evaluator_usage"] = {
        "input_tokens": str(outcome["input_tokens"]),
        "output_tokens": str(outcome["output_tokens"]),
    }
    return {
        **_record(row, outcome),
        "experiment_id": row["experiment_id"],
        "evaluator_version_id": outcome["evaluator_version_id"],
        "evaluator_output_data": output,
    }


def _record(row: Row, outcome: Row) -> dict[str, Any]:
    return {
        "id": outcome["record_id"],
        "experiment_run_id": outcome["run_id"],
        "item_id": outcome["item_id"],
        "turn_id": "0",
        "status": RECORD_FAIL if outcome["code"] else RECORD_SUCCESS,
    }


def _cells(item: Row, fields: Sequence[Row]) -> list[dict[str, Any]]:
    data = orjson.loads(item["content"])
    return [{"key": f["key"], "name": f["name"], "content": data[f["key"]]} for f in fields if f["key"] in data]


def _field(field: Row) -> dict[str, Any]:
    return {
        "key": field["key"],
        "name": field["name"],
        "description": field.get("description", ""),
        "content_type": field.get("content_type", "Text"),
        "text_schema": field.get("text_schema", ""),
    }


def _columns(row: Row, names: Mapping[str, Row]) -> list[dict[str, Any]]:
    return [
        {
            "evaluator_version_id": pin["version_id"],
            "evaluator_id": pin["id"],
            "evaluator_type": names.get(pin["id"], {}).get("evaluator_type", 2),
            "name": names.get(pin["id"], {}).get("name", ""),
            "version": pin["version"],
            "description": names.get(pin["id"], {}).get("description", ""),
        }
        for pin in pins_of(row)
    ]


def _target_columns(row: Row) -> dict[str, Any]:
    output = {"name": "actual_output", "description": "", "label": "actual_output", "content_type": "Text"}
    return {"experiment_id": row["experiment_id"], "column_eval_targets": [output]}
