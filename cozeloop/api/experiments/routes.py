"""Experiments over HTTP: bind, command, answer (behaviour.md §6.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from commands.experiments import messages as commands
from commands.experiments.decide import ExperimentNameInvalid, ExperimentNotFound, check_name
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.experiments import answers
from cozeloop.api.experiments.aggregates import of_numbers, of_weighted
from cozeloop.api.experiments.filters import experiment_filter, order_of
from cozeloop.api.experiments.overview import wanted_of
from cozeloop.api.experiments.refusals import INVALID_PARAM, RUNNING_QUOTA
from cozeloop.api.experiments.results import result_page
from cozeloop.api.experiments.retries import items_for, retrial
from cozeloop.api.experiments.submission import submission
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.values import milliseconds
from cozeloop.api.wire import evaluation as wire
from events.experiments import ExperimentRetried, ExperimentSubmitted
from projections.experiments.experiments import (
    EXPERIMENTS,
    RUNNING,
    count_running,
    experiment_named,
    get_experiments,
    list_experiments,
    submitted_row,
)
from projections.experiments.results import score_counts, target_numbers, weighted_sums
from projections.experiments.runs import RUNS

api = Api(Module.EVALUATION)
PATH = "/api/evaluation/v1/experiments"
PAGE_LIMIT = 200
IDS_LIMIT = 200


@api.post(f"{PATH}/check_name", wire.CheckExperimentNameRequest, wire.CheckExperimentNameResponse)
async def check(edge: Edge, req: wire.CheckExperimentNameRequest) -> dict[str, Any]:
    """Whether an experiment may be called so."""
    space = await edge.enter_space(req.workspace_id)
    try:
        check_name(req.name or "")
    except ExperimentNameInvalid as refused:
        return {"pass": False, "message": refused.detail}
    if await edge.ask(experiment_named, space, req.name or ""):
        return {"pass": False, "message": f"name {req.name!r} is taken"}
    return {"pass": True, "message": ""}


@api.post(f"{PATH}/submit", wire.SubmitExperimentRequest, wire.SubmitExperimentResponse)
async def submit(edge: Edge, req: wire.SubmitExperimentRequest) -> dict[str, Any]:
    """Pins every part and starts the run."""
    space = await edge.enter_space(req.workspace_id)
    command = await submission(edge, req, space)
    if not await edge.repeats():
        await _within_quota(edge, space)
    receipt = await edge.issue(command, EXPERIMENTS)
    submitted = next(r for r in receipt.events if isinstance(r.event, ExperimentSubmitted))
    shown = await answers.submitted(edge, submitted_row(submitted))
    return {"experiment": shown, "run_id": submitted.event.run_id}


@api.post(f"{PATH}/:expt_id/retry", wire.RetryExperimentRequest, wire.RetryExperimentResponse)
async def retry(edge: Edge, req: wire.RetryExperimentRequest) -> dict[str, Any]:
    """A further run over all items, those that did not succeed, or those named."""
    space = await _enter(edge, req.expt_id, req.workspace_id)
    if not await edge.repeats():
        await _within_quota(edge, space, req.expt_id)
    command = await retrial(edge, req, space)
    receipt = await edge.issue(command, EXPERIMENTS, RUNS, prepare=items_for(edge))
    retried = receipt.one(ExperimentRetried)
    return {"run_id": retried.run_id if retried else "0"}


@api.post(f"{PATH}/list", wire.ListExperimentsRequest, wire.ListExperimentsResponse)
async def list_(edge: Edge, req: wire.ListExperimentsRequest) -> dict[str, Any]:
    """A page of a space's experiments, newest first unless ordered."""
    space = await edge.enter_space(req.workspace_id)
    wanted = experiment_filter(space, req.filter_option)
    page, size = paged(req.page_number, req.page_size)
    if wanted is None:
        return {"experiments": [], "total": 0}
    column, ascending = order_of(req.order_bys)
    rows, total = await edge.ask(list_experiments, wanted, column, ascending, page, size)
    return {"experiments": await answers.shown(edge, rows), "total": total}


@api.post(f"{PATH}/batch_get", wire.BatchGetExperimentsRequest, wire.BatchGetExperimentsResponse)
async def batch_get(edge: Edge, req: wire.BatchGetExperimentsRequest) -> dict[str, Any]:
    """Those of the experiments that the space has."""
    space = await edge.enter_space(req.workspace_id)
    return {"experiments": await answers.shown(edge, await _rows(edge, space, req.expt_ids, "expt_ids"))}


@api.post(f"{PATH}/results/batch_get", wire.BatchGetExperimentResultRequest, wire.BatchGetExperimentResultResponse)
async def results(edge: Edge, req: wire.BatchGetExperimentResultRequest) -> dict[str, Any]:
    """A page of results, the baseline's items first and foremost."""
    space = await edge.enter_space(req.workspace_id)
    ids = list(req.experiment_ids or ())
    if not ids:
        raise ApiError(INVALID_PARAM, "invalid param,experiment_ids is required")
    for each in (req.filters or {}).values():
        if each and ((each.filters and each.filters.filter_conditions) or _keyword(each)):
            raise ApiError(INVALID_PARAM, "invalid param,filters: filters of results are not built yet")
    if req.baseline_experiment_id in ids:
        ids.sort(key=lambda i: i != req.baseline_experiment_id)
    rows = await _rows(edge, space, ids, "experiment_ids")
    if len(rows) != len(set(ids)):
        raise ExperimentNotFound("experiment_ids")
    page, size = paged(req.page_number, req.page_size)
    return await result_page(edge, rows, page, size)


@api.post(
    f"{PATH}/aggr_results/batch_get",
    wire.BatchGetExperimentAggrResultRequest,
    wire.BatchGetExperimentAggrResultResponse,
)
async def aggregates(edge: Edge, req: wire.BatchGetExperimentAggrResultRequest) -> dict[str, Any]:
    """The aggregates of each experiment; of a running one, those so far."""
    space = await edge.enter_space(req.workspace_id)
    rows = await _rows(edge, space, req.experiment_ids, "experiment_ids")
    names = await answers.evaluator_names(edge, rows)
    return {"expt_aggregate_result": list(await asyncio.gather(*(_aggregate(edge, row, names) for row in rows)))}


@api.post(f"{PATH}/:expt_id/kill", wire.KillExperimentRequest, wire.KillExperimentResponse)
async def kill(edge: Edge, req: wire.KillExperimentRequest) -> dict[str, Any]:
    """The run under way ends; items under way may still finish before it does."""
    space = await _enter(edge, req.expt_id, req.workspace_id)
    await edge.issue(commands.KillExperiment(space_id=space, experiment_id=req.expt_id or ""), EXPERIMENTS)
    return {}


@api.delete(f"{PATH}/batch_delete", wire.BatchDeleteExperimentsRequest, wire.BatchDeleteExperimentsResponse)
async def batch_delete(edge: Edge, req: wire.BatchDeleteExperimentsRequest) -> dict[str, Any]:
    """All of them are looked up first; an unknown one refuses before anything is deleted."""
    ids = list(dict.fromkeys(req.expt_ids or ()))
    if not ids or len(ids) > IDS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,expt_ids: 1 to {IDS_LIMIT} ids")
    spaces = [await _enter(edge, expt_id, req.workspace_id) for expt_id in ids]
    if len(await edge.ask(get_experiments, ids)) != len(ids):
        raise ExperimentNotFound("expt_ids")
    for space, expt_id in zip(spaces, ids, strict=True):
        await edge.issue(commands.DeleteExperiment(space_id=space, experiment_id=expt_id), EXPERIMENTS)
    return {}


@api.delete(f"{PATH}/:expt_id", wire.DeleteExperimentRequest, wire.DeleteExperimentResponse)
async def delete(edge: Edge, req: wire.DeleteExperimentRequest) -> dict[str, Any]:
    """The experiment leaves every list; a run under way ends."""
    space = await _enter(edge, req.expt_id, req.workspace_id)
    await edge.issue(commands.DeleteExperiment(space_id=space, experiment_id=req.expt_id or ""), EXPERIMENTS)
    return {}


def paged(number: int | None, size: int | None) -> tuple[int, int]:
    """Page (from 1) and size (20 unless said, 200 at most)."""
    number, size = number or 1, size or 20
    if number < 1 or not 1 <= size <= PAGE_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,page_number from 1, page_size 1 to {PAGE_LIMIT}")
    return number, size


async def _within_quota(edge: Edge, space: str, experiment_id: str = "") -> None:
    """Raises ApiError when too many others run."""
    limit = edge.platform.settings.experiment_max_running
    if await edge.ask(count_running, space, experiment_id) >= limit:
        raise ApiError(RUNNING_QUOTA, f"{limit} experiments of the space are running already")


async def _enter(edge: Edge, experiment_id: str | None, workspace_id: str | None) -> str:
    return await edge.enter("experiments", experiment_id or "", workspace_id, missing=ExperimentNotFound)


async def _rows(edge: Edge, space: str, ids: Sequence[str] | None, name: str) -> list[Mapping[str, Any]]:
    if len(ids or ()) > IDS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,{name} has more than {IDS_LIMIT} ids")
    return [row for row in await edge.ask(get_experiments, list(ids or ())) if row["space_id"] == space]


async def _aggregate(edge: Edge, row: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    wanted, weights = wanted_of(row), answers.weights_of(row)
    counts, numbers, sums = await asyncio.gather(
        edge.ask(score_counts, wanted),
        edge.ask(target_numbers, wanted),
        edge.ask(weighted_sums, wanted, weights),
    )
    found = answers.aggregates_of(row, counts, names)
    answer: dict[str, Any] = {
        "experiment_id": row["experiment_id"],
        "evaluator_results": {each["evaluator_version_id"]: each for each in found},
        "annotation_results": {},
        "weighted_results": of_weighted(sums),
        "status": 2 if row["status"] in RUNNING else 1,
        "update_time": milliseconds(row["ended_at"] or row["started_at"] or row["created_at"]),
    }
    if row["prompt_id"]:
        answer["eval_target_aggr_result"] = {
            "target_id": row["target_id"],
            "target_version_id": row["target_version_id"],
            "latency": of_numbers([d for d, _, _ in numbers]),
            "input_tokens": of_numbers([i for _, i, _ in numbers]),
            "output_tokens": of_numbers([o for _, _, o in numbers]),
            "total_tokens": of_numbers([i + o for _, i, o in numbers]),
        }
    return answer


def _keyword(filter: wire.ExperimentFilter) -> bool:
    return bool(filter.keyword_search and filter.keyword_search.keyword)
