"""The rules of experiments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite

from commands.command import Context, Refusal, To
from commands.experiments.experiment import Experiment, Status, items_of
from commands.experiments.messages import (
    CompleteRun,
    DeleteExperiment,
    ExpireRun,
    KillExperiment,
    RetryExperiment,
    StartRun,
    SubmitExperiment,
    TerminateRun,
)
from commands.reservations import claim, release
from events.event import Event
from events.experiments import (
    ExperimentDeleted,
    ExperimentRetried,
    ExperimentSubmitted,
    FieldMapping,
    RunCompleted,
    RunExpired,
    RunKillRequested,
    RunStarted,
    RunTerminated,
)

NAME_KIND = "experiment_name"
TARGET_OUTPUTS = frozenset({"actual_output"})
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff][\w\u4e00-\u9fff.-]*", re.ASCII)

Decision = Sequence[Event | To]


class ExperimentNotFound(Refusal):
    """No such experiment, or it was deleted."""


class ExperimentNameInvalid(Refusal):
    """1 to 200 characters, the first a letter, digit or Chinese character, no spaces."""


class ExperimentNameTaken(Refusal):
    """Another experiment of the space has the name."""


class ExperimentConfigInvalid(Refusal):
    """A number out of range or a mapping to a column that the set does not have; the detail names the field."""


class ExperimentEvaluatorRepeated(Refusal):
    """The same evaluator version twice."""


class ExperimentNotRunning(Refusal):
    """Only what is being processed can be killed."""


class ExperimentRunning(Refusal):
    """All items, or those that failed, are repeated when no run is under way."""


class ExperimentEnding(Refusal):
    """The experiment is about to end: nothing joins it."""


class ExperimentItemRetrying(Refusal):
    """A run under way has yet to end one of the items."""


def submit(state: Experiment, command: SubmitExperiment, context: Context) -> Decision:
    """One experiment with its first run."""
    if state.exists:
        return ()
    check_name(command.name)
    if len(command.description) > 200:
        raise ExperimentConfigInvalid("desc: at most 200 characters")
    if state.held.get(command.name_reservation):
        raise ExperimentNameTaken(command.name)
    _check(command)
    return [
        ExperimentSubmitted(
            experiment_id=command.experiment_id,
            run_id=command.run_id,
            name=command.name,
            description=command.description,
            name_reservation=command.name_reservation,
            dataset=command.dataset,
            item_count=command.item_count,
            prompt=command.prompt,
            target_id=command.target_id,
            target_version_id=command.target_version_id,
            target_mapping=command.target_mapping,
            runtime_parameters=command.runtime_parameters,
            evaluators=command.evaluators,
            evaluator_version_ids=tuple(e.version_id for e in command.evaluators),
            judge_steps=command.judge_steps,
            concurrency=command.concurrency,
            score_weights={k: v for k, v in command.score_weights.items() if v > 0},
            evaluators_concurrency=command.evaluators_concurrency,
            item_retries=command.item_retries,
            longest_life_ms=command.longest_life_ms,
            deadline=_deadline(context.now, command.longest_life_ms),
        ),
        claim(command.space_id, NAME_KIND, command.name_reservation, command.experiment_id),
    ]


def check_name(name: str) -> None:
    """Raises ExperimentNameInvalid."""
    if not 1 <= len(name) <= 200 or not _NAME.fullmatch(name):
        raise ExperimentNameInvalid("name: 1 to 200 letters, digits, Chinese characters, '_', '-' or '.', no spaces")


def retry(state: Experiment, command: RetryExperiment, context: Context) -> Decision:
    """A further run. Single items may join while others are under way."""
    if not state.exists:
        raise ExperimentNotFound(command.experiment_id)
    items = items_of(command.items)
    if command.mode != "items":
        if state.runs:
            raise ExperimentRunning(f"the experiment's status is {state.status.name.lower()}")
    elif state.status is Status.TERMINATING:
        raise ExperimentEnding(command.experiment_id)
    elif any(run.items & items for run_id, run in state.runs.items() if run_id not in command.settled_in):
        raise ExperimentItemRetrying("item_ids: an item of them is still under way")
    return [
        ExperimentRetried(
            experiment_id=command.experiment_id,
            run_id=command.run_id,
            number=state.number + 1,
            mode=command.mode,
            items=f"{items:x}",
            deadline=_deadline(context.now, state.longest_life_ms or command.longest_life_ms),
        )
    ]


def start(state: Experiment, command: StartRun, _: Context) -> Decision:
    """The items are queued; a repeat changes nothing."""
    run = state.runs.get(command.run_id)
    if run is None or run.started or run.ending:
        return ()
    return [RunStarted(experiment_id=command.experiment_id, run_id=command.run_id)]


def complete(state: Experiment, command: CompleteRun, _: Context) -> Decision:
    """The last outcome is in; a repeat changes nothing."""
    if command.run_id not in state.runs:
        return ()
    return [
        RunCompleted(
            experiment_id=command.experiment_id,
            run_id=command.run_id,
            succeeded=command.succeeded,
            failed=command.failed,
            still_running=len(state.runs) - 1,
        )
    ]


def kill(state: Experiment, command: KillExperiment, _: Context) -> Decision:
    """Asks every run to end."""
    if not state.exists:
        raise ExperimentNotFound(command.experiment_id)
    if state.status not in (Status.PROCESSING, Status.PENDING):
        raise ExperimentNotRunning(f"the experiment's status is {state.status.name.lower()}")
    return _kills(state, command.experiment_id)


def terminate(state: Experiment, command: TerminateRun, _: Context) -> Decision:
    """The run has ended early."""
    if command.run_id not in state.runs:
        return ()
    left = len(state.runs) - 1
    return [RunTerminated(experiment_id=command.experiment_id, run_id=command.run_id, still_running=left)]


def expire(state: Experiment, command: ExpireRun, context: Context) -> Decision:
    """The run is over when its deadline has come; before that, or when it is over already, nothing happens."""
    run = state.runs.get(command.run_id)
    if run is None or not run.deadline or _milliseconds(context.now) < run.deadline:
        return ()
    left = len(state.runs) - 1
    return [RunExpired(experiment_id=command.experiment_id, run_id=command.run_id, still_running=left)]


def delete(state: Experiment, command: DeleteExperiment, _: Context) -> Decision:
    """Out of the lists; what is under way is asked to end."""
    if not state.exists:
        raise ExperimentNotFound(command.experiment_id)
    events: list[Event | To] = [*_kills(state, command.experiment_id)]
    events.append(ExperimentDeleted(experiment_id=command.experiment_id, name_reservation=state.name_reservation))
    events.append(release(command.space_id, NAME_KIND, state.name_reservation, command.experiment_id))
    return events


def _kills(state: Experiment, experiment_id: str) -> list[Event]:
    going_on = [run_id for run_id, run in state.runs.items() if not run.ending]
    return [RunKillRequested(experiment_id=experiment_id, run_id=run_id) for run_id in going_on]


def _deadline(now: datetime, life_ms: int) -> int:
    return _milliseconds(now) + life_ms if life_ms else 0


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _check(command: SubmitExperiment) -> None:
    if command.item_count <= 0:
        raise ExperimentConfigInvalid("eval_set_version_id: the version holds no items")
    if not 1 <= command.concurrency <= 200:
        raise ExperimentConfigInvalid("item_concur_num: 1 to 200")
    if not 1 <= command.evaluators_concurrency <= 200:
        raise ExperimentConfigInvalid("evaluators_concur_num: 1 to 200")
    if not 0 <= command.item_retries <= 10:
        raise ExperimentConfigInvalid("item_retry_num: 0 to 10")
    if command.longest_life_ms < 0:
        raise ExperimentConfigInvalid("max_alive_time: milliseconds, not below 0")
    if not all(isfinite(w) and w >= 0 for w in command.score_weights.values()):
        raise ExperimentConfigInvalid("score_weight: a number not below 0")
    versions = [e.version_id for e in command.evaluators]
    if len(set(versions)) != len(versions):
        raise ExperimentEvaluatorRepeated("evaluator_version_ids: a version is named twice")
    if not versions and command.prompt is None:
        raise ExperimentConfigInvalid("evaluator_version_ids: neither a target nor an evaluator")
    _check_mapping("target_field_mapping", command.target_mapping, command.columns, with_target=False)
    for evaluator in command.evaluators:
        _check_mapping("evaluator_field_mapping", evaluator.mapping, command.columns, command.prompt is not None)


def _check_mapping(where: str, mapping: Iterable[FieldMapping], columns: Sequence[str], with_target: bool) -> None:
    for each in mapping:
        if each.from_column and each.from_column not in columns:
            raise ExperimentConfigInvalid(f"{where}: the set has no column {each.from_column}")
        if each.from_target and not (with_target and each.from_target in TARGET_OUTPUTS):
            raise ExperimentConfigInvalid(f"{where}: the target has no output {each.from_target}")
