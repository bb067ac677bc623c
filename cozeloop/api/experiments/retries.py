"""From a request for a retry to a command: which items it repeats, as the read models show them at that position."""

from __future__ import annotations

from collections.abc import Iterable

from commands.experiments.decide import ExperimentNotFound
from commands.experiments.messages import RetryExperiment
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.experiments.overview import wanted_of
from cozeloop.api.experiments.refusals import INVALID_PARAM
from cozeloop.api.experiments.submission import longest_life
from cozeloop.api.wire import evaluation as wire
from cozeloop.contents import standing_at
from cozeloop.handling import Prepare, Tails
from events.experiments import RetryMode
from projections.datasets.rows import version_items
from projections.experiments.experiments import EXPERIMENTS, get_experiments
from projections.experiments.outcomes import OUTCOMES
from projections.experiments.results import standing_of
from projections.experiments.runs import RUNS

ALL, FAILURES, ITEMS = 1, 2, 3
MODES: dict[int, RetryMode] = {0: "failures", ALL: "all", FAILURES: "failures", ITEMS: "items"}
ITEMS_LIMIT = 100


async def retrial(edge: Edge, req: wire.RetryExperimentRequest, space: str) -> RetryExperiment:
    """The command with the items that were named; the others are put in when it is prepared. Raises ApiError."""
    mode = MODES.get(int(req.retry_mode or 0))
    named = list(dict.fromkeys(req.item_ids or ()))
    if mode is None:
        raise ApiError(INVALID_PARAM, "invalid param,retry_mode: 1 (all), 2 (failures) or 3 (items)")
    if mode == "items" and not 1 <= len(named) <= ITEMS_LIMIT:
        raise ApiError(INVALID_PARAM, f"invalid param,item_ids: 1 to {ITEMS_LIMIT} ids")
    if mode != "items" and named:
        raise ApiError(INVALID_PARAM, "invalid param,item_ids: only with retry_mode 3")
    return RetryExperiment(
        space_id=space,
        experiment_id=req.expt_id,
        run_id=edge.ids(1)[0],
        mode=mode,
        items=bits(await _indexes(edge, req.expt_id, named)) if named else "0",
        longest_life_ms=longest_life(edge),
    )


def items_for(edge: Edge) -> Prepare:
    """Which items a retry goes over, and in which runs under way those named are settled."""

    async def prepare(command: RetryExperiment, tails: Tails) -> RetryExperiment:
        await standing_at(edge, tails, EXPERIMENTS, RUNS, OUTCOMES)
        rows = await edge.ask(get_experiments, [command.experiment_id])
        if not rows:
            return command
        [row] = rows
        every = range(row["item_count"])
        if command.mode == "all":
            return command.model_copy(update={"items": bits(every)})
        standing = await edge.ask(standing_of, wanted_of(row))
        if command.mode == "failures":
            return command.model_copy(update={"items": bits(set(every) - standing.succeeded)})
        named = int(command.items, 16)
        settled = [run_id for run_id, busy in standing.busy.items() if not int(bits(busy), 16) & named]
        return command.model_copy(update={"settled_in": tuple(settled)})

    return prepare


def bits(indexes: Iterable[int]) -> str:
    """The bit set of indexes as hexadecimal digits."""
    found = set(indexes)
    digits = bytearray(max(found, default=0) // 8 + 1)
    for index in found:
        digits[index // 8] |= 1 << index % 8
    return f"{int.from_bytes(digits, 'little'):x}"


async def _indexes(edge: Edge, experiment_id: str, item_ids: list[str]) -> list[int]:
    """The places of these items in the version that the experiment pinned."""
    rows = await edge.ask(get_experiments, [experiment_id])
    if not rows:
        if await edge.repeats():
            return []
        raise ExperimentNotFound("expt_id")
    items = await edge.ask(version_items, rows[0]["dataset_id"], rows[0]["dataset_revision"])
    places = {item[0]: index for index, item in enumerate(items)}
    if unknown := [i for i in item_ids if i not in places]:
        raise ApiError(INVALID_PARAM, f"invalid param,item_ids: the experiment has no item {unknown[0]}")
    return [places[i] for i in item_ids]
