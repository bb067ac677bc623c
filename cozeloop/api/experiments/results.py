"""Result pages: the rows of the pinned set with what each experiment made of them, put together from two read sides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from commands.traces.runs import trace_id_of
from cozeloop.api.edge import Edge
from cozeloop.api.experiments.aggregates import weighted
from cozeloop.api.experiments.answers import Row, evaluator_names, weights_of
from cozeloop.api.experiments.overview import pins_of, wanted_of
from projections.datasets.rows import version_page
from projections.datasets.versions import get_versions
from projections.experiments.results import is_whole, outcomes_of, result_of
from projections.experiments.runs import repeats, runs_under_way

QUEUEING, SUCCESS, FAIL, PROCESSING, TERMINAL = 0, 1, 2, 3, 4
ITEM_STATE = {QUEUEING: 0, PROCESSING: 1, SUCCESS: 2, FAIL: 3, TERMINAL: 5}
"""Turn state -> item state, both the contract's numbers."""
RECORD_SUCCESS, RECORD_FAIL = 1, 2
TARGET_COLUMNS = (
    ("actual_output", "actual_output"),
    ("eval_target_total_latency", "Total Latency(ms)"),
    ("eval_target_input_tokens", "Input Tokens"),
    ("eval_target_output_tokens", "Output Tokens"),
    ("eval_target_total_tokens", "Total Tokens"),
)
"""Names and labels, both the contract's, of what is shown of a target's record; a trajectory is not built."""


@dataclass(frozen=True)
class Found:
    """What an experiment made of a page's items: outcomes by item id, and its runs under way, the newest first."""

    row: Row
    steps: int
    outcomes: Mapping[str, Sequence[Row]]
    runs: Sequence[Row]


async def result_page(edge: Edge, rows: Sequence[Row], page: int, size: int) -> dict[str, Any]:
    """Page ``page`` (from 1) of the first experiment's items, with every experiment's results on them."""
    baseline = rows[0]
    version = (await edge.ask(get_versions, [baseline["dataset_version_id"]]))[0]
    fields = [f for f in version["fields"] if f.get("status", "available") == "available"]
    items = await edge.ask(version_page, baseline["dataset_id"], baseline["dataset_revision"], (page - 1) * size, size)
    names = await evaluator_names(edge, rows)
    results = await asyncio.gather(*(_found(edge, row, [i["item_id"] for i in items]) for row in rows))
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
        "item_results": [_item((page - 1) * size + offset, item, fields, results) for offset, item in enumerate(items)],
        "total": str(baseline["item_count"]),
    }


async def _found(edge: Edge, row: Row, item_ids: Sequence[str]) -> Found:
    rows, runs = await asyncio.gather(
        edge.ask(outcomes_of, row["experiment_id"], item_ids), edge.ask(runs_under_way, [row["experiment_id"]])
    )
    outcomes: dict[str, list[Row]] = {}
    for outcome in rows:
        outcomes.setdefault(outcome["item_id"], []).append(outcome)
    return Found(row, wanted_of(row).steps, outcomes, runs)


def _item(index: int, item: Row, fields: Sequence[Row], results: Sequence[Found]) -> dict[str, Any]:
    turn = {"field_data_list": _cells(item, fields)}
    shown = []
    state = QUEUEING
    for number, found in enumerate(results):
        outcomes = found.outcomes.get(item["item_id"], [])
        counted, whole = result_of(outcomes, found.steps)
        turn_state = _turn_state(found, index, outcomes, counted if whole else None)
        state = turn_state if number == 0 else state
        payload = _payload(found.row, counted, turn, turn_state)
        shown.append({"experiment_id": found.row["experiment_id"], "payload": payload})
    return {
        "item_id": item["item_id"],
        "item_index": str(index),
        "system_info": {"run_state": ITEM_STATE[state]},
        "turn_results": [{"turn_id": "0", "turn_index": "0", "experiment_results": shown}],
    }


def _turn_state(found: Found, index: int, outcomes: Sequence[Row], result: Sequence[Row] | None) -> int:
    """Where the item stands in the newest run that is to end it, else what came of it."""
    for run in found.runs:
        of_run = [o for o in outcomes if o["run_id"] == run["run_id"]]
        if repeats(run, index) and not is_whole(of_run, found.steps):
            return PROCESSING if of_run else QUEUEING
    if result is None:
        return TERMINAL
    return FAIL if any(o["code"] for o in result) else SUCCESS


def _payload(row: Row, outcomes: Sequence[Row], turn: Mapping[str, Any], state: int) -> dict[str, Any]:
    target = next((o for o in outcomes if o["step"] == 0), None)
    records = {o["evaluator_version_id"]: _evaluator_record(row, o) for o in outcomes if o["step"] > 0}
    evaluated: dict[str, Any] = {"evaluator_records": records}
    scores = {o["evaluator_version_id"]: o["score"] for o in outcomes if o["step"] > 0 and o["score"] is not None}
    if (score := weighted(scores, weights_of(row))) is not None:
        evaluated["weighted_score"] = score
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
        "trace_id": trace_id_of(outcome["run_id"], outcome["item_id"], outcome["step"]),
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
    columns = [{"name": n, "description": "", "label": label, "content_type": "Text"} for n, label in TARGET_COLUMNS]
    return {"experiment_id": row["experiment_id"], "column_eval_targets": columns}
