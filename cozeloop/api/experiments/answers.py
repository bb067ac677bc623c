"""Experiments as answers show them: rows with their sets, targets, evaluators, progress and people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from commands.evaluators.content import CODE_TYPE
from cozeloop.api.edge import Edge
from cozeloop.api.experiments.aggregates import evaluator_aggregate
from cozeloop.api.experiments.overview import Overview, Stats, overview, pins_of
from cozeloop.api.experiments.refusals import RUN_OUTLIVED
from cozeloop.api.experiments.submission import PROMPT_TARGET
from cozeloop.api.people import base_info_users
from cozeloop.api.values import milliseconds
from projections.evaluators.evaluators import get_evaluators
from projections.experiments.experiments import TERMINATING
from projections.experiments.results import Progress

Row = Mapping[str, Any]


async def shown(edge: Edge, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The experiments with everything a page shows of them."""
    around, users = await _around(edge, rows, counted=True)
    return [_one(row, around, users, _counts(row, around, each)) for row, each in zip(rows, around.stats, strict=True)]


async def submitted(edge: Edge, row: Row) -> dict[str, Any]:
    """An experiment as its submission left it, whatever happened since."""
    around, users = await _around(edge, [row], counted=False)
    return _one(row, around, users, _counts(row, around, Stats(Progress(0, 0, row["item_count"], 0))))


def weights_of(row: Row) -> dict[str, float]:
    """Evaluator version id -> its weight; empty when all weigh the same."""
    weights: dict[str, float] = orjson.loads(row["score_weights"]) or {}
    return weights


async def evaluator_names(edge: Edge, rows: Sequence[Row]) -> dict[str, Row]:
    """Evaluator id -> its row, also of deleted ones."""
    ids = {pin["id"] for row in rows for pin in pins_of(row)}
    return {r["evaluator_id"]: r for r in await edge.ask(get_evaluators, sorted(ids), True)} if ids else {}


async def _around(edge: Edge, rows: Sequence[Row], counted: bool) -> tuple[Overview, Mapping[str, dict[str, Any]]]:
    """What the rows name, and the people."""
    return await asyncio.gather(
        edge.ask(overview, rows, counted), base_info_users(edge, [r["created_by"] for r in rows])
    )


def _one(row: Row, around: Overview, users: Mapping[str, dict[str, Any]], stats: dict[str, Any]) -> dict[str, Any]:
    pins, weights = pins_of(row), weights_of(row)
    user = users.get(row["created_by"], {"user_id": row["created_by"]})
    return {
        "id": row["experiment_id"],
        "name": row["name"],
        "desc": row["description"],
        "creator_by": row["created_by"],
        "status": row["status"],
        "status_message": f"{RUN_OUTLIVED}: the run outlived its deadline" if row["expired"] else "",
        "start_time": milliseconds(row["started_at"]),
        "end_time": milliseconds(row["ended_at"]),
        "create_time": milliseconds(row["created_at"]),
        "item_concur_num": row["concurrency"],
        "evaluators_concur_num": row["evaluators_concurrency"],
        "item_retry_num": row["item_retries"],
        "max_alive_time": str(row["longest_life_ms"]),
        "enable_weighted_score": bool(weights),
        **({"score_weight_config": _weight_config(weights)} if weights else {}),
        "eval_set_id": row["dataset_id"],
        "eval_set_version_id": row["dataset_version_id"],
        "target_id": row["target_id"] or "0",
        "target_version_id": row["target_version_id"] or "0",
        "evaluator_version_ids": [pin["version_id"] for pin in pins],
        "evaluator_id_version_list": [
            {
                "evaluator_id": p["id"],
                "version": p["version"],
                "evaluator_version_id": p["version_id"],
                **({"score_weight": weights.get(p["version_id"], 0.0)} if weights else {}),
            }
            for p in pins
        ],
        "eval_set": _eval_set(row, around),
        **({"eval_target": _eval_target(row, around)} if row["prompt_id"] else {}),
        "evaluators": [_evaluator(pin, around) for pin in pins],
        "target_field_mapping": {"from_eval_set": _mappings(orjson.loads(row["target_mapping"]) or [])},
        "evaluator_field_mapping": [_evaluator_mapping(pin) for pin in pins],
        "expt_type": 1,
        "source_type": 1,
        "total_item_count": str(row["item_count"]),
        "expt_stats": stats,
        "base_info": {
            "created_by": user,
            "updated_by": user,
            "created_at": milliseconds(row["created_at"]),
            "updated_at": milliseconds(max(row["created_at"], row["started_at"], row["ended_at"])),
        },
    }


def _counts(row: Row, around: Overview, stats: Stats) -> dict[str, Any]:
    stand = stats.stand
    pending = 0 if row["status"] == TERMINATING else stand.busy - stand.under_way
    return {
        "pending_turn_cnt": pending,
        "success_turn_cnt": stand.succeeded,
        "fail_turn_cnt": stand.failed,
        "processing_turn_cnt": stand.busy - pending,
        "terminated_turn_cnt": row["item_count"] - stand.succeeded - stand.failed - stand.busy,
        "token_usage": {
            "input_tokens": str(stats.tokens[0]),
            "output_tokens": str(stats.tokens[1]),
        },
        "credit_cost": 0.0,
        "evaluator_aggregate_results": aggregates_of(row, stats.scores, around.evaluators),
    }


def aggregates_of(row: Row, counts: Sequence[tuple[str, float, int]], evaluators: Mapping[str, Row]) -> list[Any]:
    """The aggregates of each evaluator of the experiment, in its order."""
    found = []
    for pin in pins_of(row):
        named = {
            "version_id": pin["version_id"],
            "name": evaluators.get(pin["id"], {}).get("name", ""),
            "version": pin["version"],
        }
        found.append(evaluator_aggregate(named, [(s, n) for v, s, n in counts if v == pin["version_id"]]))
    return found


def _eval_set(row: Row, around: Overview) -> dict[str, Any]:
    dataset = around.datasets.get(row["dataset_id"], {})
    version = around.versions.get(row["dataset_version_id"], {})
    return {
        "id": row["dataset_id"],
        "workspace_id": row["space_id"],
        "name": dataset.get("name", ""),
        "description": dataset.get("description", ""),
        "item_count": str(row["item_count"]),
        "latest_version": dataset.get("latest_version", ""),
        "evaluation_set_version": {
            "id": row["dataset_version_id"],
            "evaluation_set_id": row["dataset_id"],
            "version": version.get("version", ""),
            "item_count": str(row["item_count"]),
        },
    }


def _eval_target(row: Row, around: Overview) -> dict[str, Any]:
    prompt = around.prompts.get(row["prompt_id"], {})
    return {
        "id": row["target_id"],
        "workspace_id": row["space_id"],
        "source_target_id": row["prompt_id"],
        "eval_target_type": PROMPT_TARGET,
        "eval_target_version": {
            "id": row["target_version_id"],
            "target_id": row["target_id"],
            "source_target_version": row["prompt_version"],
            "eval_target_content": {
                "prompt": {
                    "prompt_id": row["prompt_id"],
                    "version": row["prompt_version"],
                    "name": prompt.get("name", ""),
                    "prompt_key": prompt.get("prompt_key", ""),
                    "description": prompt.get("description", ""),
                    "submit_status": 2,
                }
            },
        },
    }


def _weight_config(weights: Mapping[str, float]) -> dict[str, Any]:
    return {"enable_weighted_score": True, "evaluator_score_weights": dict(weights)}


def _evaluator(pin: Mapping[str, Any], around: Overview) -> dict[str, Any]:
    row = around.evaluators.get(pin["id"], {})
    return {
        "evaluator_id": pin["id"],
        "evaluator_type": row.get("evaluator_type", CODE_TYPE),
        "name": row.get("name", ""),
        "current_version": {"id": pin["version_id"], "version": pin["version"]},
    }


def _mappings(mappings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"field_name": m["field"], "const_value": m["constant"]}
        if m["constant"] is not None
        else {"field_name": m["field"], "from_field_name": m["from_column"] or m["from_target"]}
        for m in mappings
    ]


def _evaluator_mapping(pin: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "evaluator_version_id": pin["version_id"],
        "from_eval_set": _mappings([m for m in pin["mapping"] if not m["from_target"]]),
        "from_target": _mappings([m for m in pin["mapping"] if m["from_target"]]),
    }
