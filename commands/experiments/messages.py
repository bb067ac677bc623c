"""What can be asked of experiments."""

from __future__ import annotations

from commands.command import Command
from events.experiments import EvaluatorPin, FieldMapping, Pin


class SubmitExperiment(Command):
    """Pins a set, a target and evaluators, and starts the first run. Facts of the pins were read before.

    ``judge_steps`` are the evaluators that ask a model, counted from 1.
    """

    space_id: str
    experiment_id: str
    run_id: str
    name: str
    description: str
    name_reservation: str
    dataset: Pin
    item_count: int
    columns: tuple[str, ...]
    prompt: Pin | None
    target_id: str
    target_version_id: str
    target_mapping: tuple[FieldMapping, ...]
    runtime_parameters: str
    evaluators: tuple[EvaluatorPin, ...]
    judge_steps: tuple[int, ...] = ()
    concurrency: int


class StartRun(Command):
    """The run's items have been queued."""

    space_id: str
    experiment_id: str
    run_id: str


class CompleteRun(Command):
    """Every item of the run has its outcome."""

    space_id: str
    experiment_id: str
    run_id: str
    succeeded: int
    failed: int


class KillExperiment(Command):
    """The run under way shall end."""

    space_id: str
    experiment_id: str


class TerminateRun(Command):
    """The run's queue is empty after a kill: whatever has no outcome stays without one."""

    space_id: str
    experiment_id: str
    run_id: str


class DeleteExperiment(Command):
    """The experiment leaves every list and gives its name back."""

    space_id: str
    experiment_id: str
