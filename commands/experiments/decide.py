"""The rules of experiments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from commands.command import Context, Refusal, To
from commands.experiments.experiment import ACTIVE, Experiment, Status
from commands.experiments.messages import (
    CompleteRun,
    DeleteExperiment,
    KillExperiment,
    StartRun,
    SubmitExperiment,
    TerminateRun,
)
from commands.reservations import claim, release
from events.event import Event
from events.experiments import (
    ExperimentDeleted,
    ExperimentSubmitted,
    FieldMapping,
    RunCompleted,
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


def submit(state: Experiment, command: SubmitExperiment, _: Context) -> Decision:
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
        ),
        claim(command.space_id, NAME_KIND, command.name_reservation, command.experiment_id),
    ]


def check_name(name: str) -> None:
    """Raises ExperimentNameInvalid."""
    if not 1 <= len(name) <= 200 or not _NAME.fullmatch(name):
        raise ExperimentNameInvalid("name: 1 to 200 letters, digits, Chinese characters, '_', '-' or '.', no spaces")


def start(state: Experiment, command: StartRun, _: Context) -> Decision:
    """The items are queued; a repeat changes nothing."""
    if state.status is not Status.PENDING or state.run_id != command.run_id:
        return ()
    return [RunStarted(experiment_id=command.experiment_id, run_id=command.run_id)]


def complete(state: Experiment, command: CompleteRun, _: Context) -> Decision:
    """The last outcome is in; a repeat changes nothing."""
    if state.status not in ACTIVE or state.run_id != command.run_id:
        return ()
    return [
        RunCompleted(
            experiment_id=command.experiment_id,
            run_id=command.run_id,
            succeeded=command.succeeded,
            failed=command.failed,
        )
    ]


def kill(state: Experiment, command: KillExperiment, _: Context) -> Decision:
    """Asks the run to end."""
    if not state.exists:
        raise ExperimentNotFound(command.experiment_id)
    if state.status not in (Status.PROCESSING, Status.PENDING):
        raise ExperimentNotRunning(f"the experiment's status is {state.status.name.lower()}")
    return [RunKillRequested(experiment_id=command.experiment_id, run_id=state.run_id)]


def terminate(state: Experiment, command: TerminateRun, _: Context) -> Decision:
    """The run has ended early."""
    if state.status not in ACTIVE or state.run_id != command.run_id:
        return ()
    return [RunTerminated(experiment_id=command.experiment_id, run_id=command.run_id)]


def delete(state: Experiment, command: DeleteExperiment, _: Context) -> Decision:
    """Out of the lists; a run under way is asked to end."""
    if not state.exists:
        raise ExperimentNotFound(command.experiment_id)
    events: list[Event | To] = []
    if state.status in (Status.PROCESSING, Status.PENDING):
        events.append(RunKillRequested(experiment_id=command.experiment_id, run_id=state.run_id))
    events.append(ExperimentDeleted(experiment_id=command.experiment_id, name_reservation=state.name_reservation))
    events.append(release(command.space_id, NAME_KIND, state.name_reservation, command.experiment_id))
    return events


def _check(command: SubmitExperiment) -> None:
    if command.item_count <= 0:
        raise ExperimentConfigInvalid("eval_set_version_id: the version holds no items")
    if not 1 <= command.concurrency <= 200:
        raise ExperimentConfigInvalid("item_concur_num: 1 to 200")
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
