"""Evaluators tried and run: debug, validate, run, and the records of runs (behaviour.md §6.2)."""

from __future__ import annotations

from typing import Any

import orjson

from commands.command import Refusal
from commands.evaluators import messages as rules
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.evaluators import records
from cozeloop.api.evaluators.checks import check_model, checked, missing
from cozeloop.api.evaluators.evaluation import Evaluated, evaluate, output_data
from cozeloop.api.evaluators.refusals import INVALID_PARAM
from cozeloop.api.evaluators.routes import PATH, api, bounded, version_missing
from cozeloop.api.evaluators.tracing import traced
from cozeloop.api.refusals import answer_of
from cozeloop.api.wire import evaluation as wire
from cozeloop.judging.judge import TOOL
from events.evaluators import EvaluatorRan
from projections.evaluators.evaluator_records import EVALUATOR_RECORDS
from projections.evaluators.evaluator_versions import get_evaluator_versions
from projections.evaluators.evaluators import get_evaluators

TRIED = "debug"
"""The version of what is tried without being one."""
TOO_MANY = 601205021
RUNS_PER_SECOND = 1000
INPUTS_LIMIT = 100
EXT_LIMIT = 64


@api.post(f"{PATH}/evaluators/debug", wire.DebugEvaluatorRequest, wire.DebugEvaluatorResponse)
async def debug(edge: Edge, req: wire.DebugEvaluatorRequest) -> dict[str, Any]:
    """What the content makes of one input, with nothing kept; an error is the answer's code."""
    space = await edge.enter_space(req.workspace_id)
    refuse_runtime(req.evaluator_run_conf)
    content = await checked(edge, req.evaluator_type or 0, req.evaluator_content)
    given = input_of(req.input_data, "input_data")
    await limit(edge, space)
    [found] = await evaluate(edge, space, TRIED, content, [given])
    if found.code:
        raise ApiError(found.code, f"evaluator run failed,{found.message}")
    return {"evaluator_output_data": output_data(found)}


@api.post(f"{PATH}/evaluators/batch_debug", wire.BatchDebugEvaluatorRequest, wire.BatchDebugEvaluatorResponse)
async def batch_debug(edge: Edge, req: wire.BatchDebugEvaluatorRequest) -> dict[str, Any]:
    """What the content makes of each input, errors in their places, with nothing kept."""
    space = await edge.enter_space(req.workspace_id)
    refuse_runtime(req.evaluator_run_conf)
    if len(req.input_data or ()) > INPUTS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,input_data has more than {INPUTS_LIMIT} inputs")
    content = await checked(edge, req.evaluator_type or 0, req.evaluator_content)
    inputs = [input_of(given, f"input_data.{i}") for i, given in enumerate(req.input_data or ())]
    await limit(edge, space)
    found = await evaluate(edge, space, TRIED, content, inputs) if inputs else []
    return {"evaluator_output_data": [output_data(each) for each in found]}


@api.post(f"{PATH}/evaluators/validate", wire.ValidateEvaluatorRequest, wire.ValidateEvaluatorResponse)
async def validate(edge: Edge, req: wire.ValidateEvaluatorRequest) -> dict[str, Any]:
    """Whether the content could be submitted and run; what is wrong with it is no error. Nothing is run."""
    space = await edge.enter_space(req.workspace_id)
    try:
        check_model(edge, space, await checked(edge, req.evaluator_type or 0, req.evaluator_content))
    except (Refusal, ApiError) as error:
        answer = answer_of(error, api.module)
        if answer is None:
            raise
        return {"valid": False, "error_message": answer.msg}
    return {"valid": True}


@api.post(
    f"{PATH}/evaluators/default_prompt_evaluator_tools",
    wire.GetDefaultPromptEvaluatorToolsRequest,
    wire.GetDefaultPromptEvaluatorToolsResponse,
)
async def default_tools(edge: Edge, req: wire.GetDefaultPromptEvaluatorToolsRequest) -> dict[str, Any]:
    """The function that a new prompt evaluator may have its model call."""
    return {"tools": [TOOL]}


@api.post(f"{PATH}/evaluators_versions/:evaluator_version_id/run", wire.RunEvaluatorRequest, wire.RunEvaluatorResponse)
async def run(edge: Edge, req: wire.RunEvaluatorRequest) -> dict[str, Any]:
    """Runs a version on one input. The record is kept whatever comes of it, and answers a repeated key."""
    version_id = req.evaluator_version_id or ""
    rows = await edge.ask(get_evaluator_versions, [version_id])
    if not rows:
        raise version_missing()
    row = rows[0]
    space = await edge.enter("evaluators", row["evaluator_id"], req.workspace_id, missing=version_missing)
    if not await edge.ask(get_evaluators, [row["evaluator_id"]]) and not await edge.repeats():
        raise version_missing()
    refuse_runtime(req.evaluator_run_conf)
    given = input_of(req.input_data, "input_data")
    if len(req.ext or {}) > EXT_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,ext has more than {EXT_LIMIT} entries")
    await limit(edge, space)
    done: list[Evaluated] = []

    async def evaluated(command: rules.RecordEvaluatorRun, _: Any) -> rules.RecordEvaluatorRun:
        """Only when the command was not done before; once, however often its append is tried."""
        if not done:
            done.extend(await evaluate(edge, space, version_id, orjson.loads(row["content"]), [given]))
        return command.model_copy(update=vars(done[0]))

    command = rules.RecordEvaluatorRun(
        space_id=space,
        record_id=edge.ids(1)[0],
        evaluator_id=row["evaluator_id"],
        evaluator_version_id=version_id,
        experiment_id=req.experiment_id or "",
        run_id=req.experiment_run_id or "",
        item_id=req.item_id or "",
        turn_id=req.turn_id or "",
        input=given,
        ext=dict(req.ext or {}),
    )
    receipt = await edge.issue(command, EVALUATOR_RECORDS, prepare=evaluated)
    recorded = next(r for r in receipt.events if isinstance(r.event, EvaluatorRan))
    await traced(edge, space, recorded)
    return {"record": await records.of_event(edge, recorded)}


@api.get(
    f"{PATH}/evaluator_records/:evaluator_record_id", wire.GetEvaluatorRecordRequest, wire.GetEvaluatorRecordResponse
)
async def get_record(edge: Edge, req: wire.GetEvaluatorRecordRequest) -> dict[str, Any]:
    """A record of a run or of an experiment's step, with the prompt that a judge was asked."""
    found = await records.of_ids(edge, [req.evaluator_record_id or ""])
    if not found:
        raise records.missing()
    capability, owner, shown = found[0]
    await edge.enter(capability, owner, req.workspace_id, missing=records.missing)
    return {"record": shown}


@api.post(
    f"{PATH}/evaluator_records/batch_get",
    wire.BatchGetEvaluatorRecordsRequest,
    wire.BatchGetEvaluatorRecordsResponse,
)
async def batch_get_records(edge: Edge, req: wire.BatchGetEvaluatorRecordsRequest) -> dict[str, Any]:
    """Those of the records that the space has."""
    space = await edge.enter_space(req.workspace_id)
    found = await records.of_ids(edge, bounded(req.evaluator_record_ids, "evaluator_record_ids"), space)
    return {"records": [shown for _, _, shown in found]}


async def limit(edge: Edge, space: str) -> None:
    """Refuses what is over the space's rate of runs."""
    await edge.limit(f"evaluator_run:{space}", RUNS_PER_SECOND, TOO_MANY)


def input_of(given: wire.EvaluatorInputData | None, name: str) -> dict[str, Any]:
    """The input data as it is kept."""
    if given is None:
        raise missing(name)
    return given.model_dump(mode="json", by_alias=True, exclude_none=True)


def refuse_runtime(conf: wire.EvaluatorRunConfig | None) -> None:
    """Refuses what would change the run and is not built."""
    if conf and conf.evaluator_runtime_param and conf.evaluator_runtime_param.json_value:
        raise ApiError(INVALID_PARAM, "invalid param,evaluator_run_conf.evaluator_runtime_param is not built yet")
