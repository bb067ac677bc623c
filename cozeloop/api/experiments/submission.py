"""From a request to a command: every version named is looked up, checked for its space, and pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from commands.evaluators.content import is_judge
from commands.experiments.messages import SubmitExperiment
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.experiments.refusals import CONFIG_INVALID, INVALID_PARAM, NOT_FOUND, VERSION_MISSING
from cozeloop.api.wire import evaluation as wire
from events.experiments import DEFAULT_EVALUATORS_AT_ONCE, EvaluatorPin, FieldMapping, Pin
from projections.datasets.versions import get_versions
from projections.evaluators.evaluator_versions import find_evaluator_version, get_evaluator_versions
from projections.prompts.prompt_commits import get_prompt_version
from projections.reading import stable_id

PROMPT_TARGET = 2
EVALUATORS_LIMIT = 20
UNBUILT = (
    "eval_set_configs",
    "item_ids",
    "trial_run_item_count",
    "expt_template_id",
    "ref_group_experiment_id",
    "target_shared_option",
    "eval_set_shared_option",
)
"""Fields that would change what runs and are not built yet: refused rather than ignored."""


async def submission(edge: Edge, req: wire.SubmitExperimentRequest, space: str) -> SubmitExperiment:
    """The command with its pins. Raises ApiError for what does not exist in the space."""
    for name in UNBUILT:
        if getattr(req, name):
            raise ApiError(INVALID_PARAM, f"invalid param,{name} is not built yet")
    if (req.expt_type or 1) != 1:
        raise ApiError(INVALID_PARAM, "invalid param,expt_type: only offline experiments are built")
    version = await _dataset_version(edge, req, space)
    columns = _columns(version)
    prompt = await _prompt(edge, req, space)
    rows, weights = await _evaluator_rows(edge, req, space)
    experiment_id, run_id = edge.ids(2)
    name = req.name or ""
    return SubmitExperiment(
        space_id=space,
        experiment_id=experiment_id,
        run_id=run_id,
        name=name,
        description=req.desc or "",
        name_reservation=await edge.platform.keys.digest(space, name),
        dataset=Pin(
            id=version["dataset_id"],
            version_id=version["version_id"],
            version=version["version"],
            revision=version["revision"],
            digest=version["digest"],
        ),
        item_count=version["item_count"],
        columns=tuple(columns.values()),
        prompt=prompt,
        target_id=stable_id(space, "target", prompt.id) if prompt else "",
        target_version_id=stable_id(space, "target", prompt.id, prompt.version) if prompt else "",
        target_mapping=_mapping(req.target_field_mapping, columns),
        runtime_parameters=_runtime(req),
        evaluators=await _evaluators(edge, req, rows, columns),
        judge_steps=tuple(n for n, row in enumerate(rows, 1) if is_judge(orjson.loads(row["content"]))),
        concurrency=req.item_concur_num or edge.platform.settings.experiment_concurrency,
        score_weights=weights,
        evaluators_concurrency=req.evaluators_concur_num or DEFAULT_EVALUATORS_AT_ONCE,
        item_retries=req.item_retry_num or 0,
        longest_life_ms=_life(edge, req),
    )


def longest_life(edge: Edge) -> int:
    """How long a run may take that names no time of its own, in milliseconds."""
    return int(edge.platform.settings.experiment_run_seconds * 1000)


def _life(edge: Edge, req: wire.SubmitExperimentRequest) -> int:
    """What was asked for, at most what the installation allows; what is below 0 is left to the rules."""
    return min(int(req.max_alive_time or 0) or longest_life(edge), longest_life(edge))


async def _dataset_version(edge: Edge, req: wire.SubmitExperimentRequest, space: str) -> Mapping[str, Any]:
    found = await edge.ask(get_versions, [req.eval_set_version_id or ""])
    if not found or found[0]["space_id"] != space:
        raise ApiError(NOT_FOUND, "eval_set_version_id: no such version of an evaluation set")
    if req.eval_set_id and req.eval_set_id != found[0]["dataset_id"]:
        raise ApiError(CONFIG_INVALID, "eval_set_id: the version belongs to another evaluation set")
    return found[0]


def _columns(version: Mapping[str, Any]) -> dict[str, str]:
    """Name and key of every column -> its key: mappings may use either, a name wins."""
    fields = [f for f in version["fields"] if f.get("status", "available") == "available"]
    return {f["key"]: f["key"] for f in fields} | {f["name"]: f["key"] for f in fields}


async def _prompt(edge: Edge, req: wire.SubmitExperimentRequest, space: str) -> Pin | None:
    param = req.create_eval_target_param
    if param is None or not param.source_target_id:
        if req.target_id not in (None, "0", "") or req.target_version_id not in (None, "0", ""):
            raise ApiError(INVALID_PARAM, "invalid param,target_id: name the target by create_eval_target_param")
        return None
    if param.eval_target_type != PROMPT_TARGET:
        raise ApiError(INVALID_PARAM, "invalid param,create_eval_target_param.eval_target_type: only 2 (prompt)")
    found = await edge.ask(get_prompt_version, param.source_target_id, param.source_target_version or "")
    if found is None or found["space_id"] != space:
        raise ApiError(NOT_FOUND, "create_eval_target_param: no such committed version of a prompt")
    return Pin(id=found["prompt_id"], version=found["version"], digest=found["digest"])


def _runtime(req: wire.SubmitExperimentRequest) -> str:
    text = (req.target_runtime_param.json_value if req.target_runtime_param else None) or ""
    if not text:
        return ""
    try:
        value = orjson.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("model_config", {}), dict):
        raise ApiError(CONFIG_INVALID, "target_runtime_param.json_value: not an object with a model_config")
    return text


async def _evaluator_rows(
    edge: Edge, req: wire.SubmitExperimentRequest, space: str
) -> tuple[list[Mapping[str, Any]], dict[str, float]]:
    """The versions named by id, then those named by evaluator and version, as the console does; and their weights."""
    ids = [i for i in req.evaluator_version_ids or () if i != "0"]
    named = [i for i in req.evaluator_id_version_list or () if i]
    if len(ids) + len(named) > EVALUATORS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,evaluator_version_ids: at most {EVALUATORS_LIMIT}")
    rows = list(await edge.ask(get_evaluator_versions, ids)) if ids else []
    if len(rows) != len(set(ids)):
        raise ApiError(VERSION_MISSING, "evaluator_version_ids: no such version of an evaluator")
    by_id = {row["version_id"]: row for row in rows}
    rows = [by_id[i] for i in ids]
    weights: dict[str, float] = {}
    for item in named:
        row = await _named(edge, item)
        if item.score_weight is not None and req.enable_weighted_score is not False:
            weights[row["version_id"]] = item.score_weight
        if row["version_id"] not in by_id:
            rows.append(row)
            by_id[row["version_id"]] = row
    if any(row["space_id"] != space for row in rows):
        raise ApiError(VERSION_MISSING, "evaluator_version_ids: no such version of an evaluator")
    return rows, weights


async def _evaluators(
    edge: Edge, req: wire.SubmitExperimentRequest, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> tuple[EvaluatorPin, ...]:
    """The pins of the versions, each with the mapping that names it."""
    by_id = {row["version_id"] for row in rows}
    mappings = {await _mapped_version(edge, m): m for m in req.evaluator_field_mapping or ()}
    if unknown := set(mappings) - by_id:
        raise ApiError(CONFIG_INVALID, f"evaluator_field_mapping: {sorted(unknown)[0]} is not one of the evaluators")
    return tuple(
        EvaluatorPin(
            id=row["evaluator_id"],
            version_id=row["version_id"],
            version=row["version"],
            digest=row["digest"],
            mapping=_mapping(mappings.get(row["version_id"]), columns),
        )
        for row in rows
    )


async def _named(edge: Edge, item: wire.EvaluatorIDVersionItem) -> Mapping[str, Any]:
    if item.evaluator_version_id not in (None, "", "0"):
        found = await edge.ask(get_evaluator_versions, [item.evaluator_version_id])
        row = found[0] if found else None
    else:
        row = await edge.ask(find_evaluator_version, item.evaluator_id or "", item.version or "")
    if row is None:
        raise ApiError(VERSION_MISSING, "evaluator_id_version_list: no such version of an evaluator")
    return row


async def _mapped_version(edge: Edge, mapping: wire.EvaluatorFieldMapping) -> str:
    if mapping.evaluator_version_id not in (None, "", "0"):
        return mapping.evaluator_version_id or ""
    if mapping.evaluator_id_version_item is None:
        raise ApiError(CONFIG_INVALID, "evaluator_field_mapping: names no evaluator")
    version_id: str = (await _named(edge, mapping.evaluator_id_version_item))["version_id"]
    return version_id


def _mapping(
    given: wire.TargetFieldMapping | wire.EvaluatorFieldMapping | None, columns: Mapping[str, str]
) -> tuple[FieldMapping, ...]:
    if given is None:
        return ()
    found = [_from_column(m, columns) for m in given.from_eval_set or ()]
    return (*found, *_from_target(getattr(given, "from_target", None) or ()))


def _from_column(mapping: wire.FieldMapping, columns: Mapping[str, str]) -> FieldMapping:
    source = mapping.from_field_name or ""
    if not source and mapping.const_value is not None:
        return FieldMapping(field=mapping.field_name or "", constant=mapping.const_value)
    return FieldMapping(field=mapping.field_name or "", from_column=columns.get(source, source or "(none)"))


def _from_target(mappings: Sequence[wire.FieldMapping]) -> Iterable[FieldMapping]:
    return [FieldMapping(field=m.field_name or "", from_target=m.from_field_name or "(none)") for m in mappings]
