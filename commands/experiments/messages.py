"""What can be asked of experiments."""

from __future__ import annotations

from pydantic import Field

from commands.command import Command
from events.experiments import DEFAULT_EVALUATORS_AT_ONCE, EvaluatorPin, FieldMapping, Pin, RetryMode


class SubmitExperiment(Command):
    """Pins a set, a target and evaluators, and starts the first run. Facts of the pins were read before.

    ``judge_steps`` are the evaluators that ask a model, counted from 1. ``longest_life_ms`` is how long a run may take,
    0 = as long as it takes.
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
    score_weights: dict[str, float] = Field(default_factory=dict)
    evaluators_concurrency: int = DEFAULT_EVALUATORS_AT_ONCE
    item_retries: int = 0
    longest_life_ms: int = 0


class RetryExperiment(Command):
    """A further run over some of the items.

    Facts of read models, at the position where the experiment's stream ends: ``items``, a bit set as in
    `ExperimentRetried`; ``settled_in``, the runs under way in which each of these items has its outcome already.
    ``longest_life_ms`` is for an experiment that was submitted without one.
    """

    space_id: str
    experiment_id: str
    run_id: str
    mode: RetryMode
    items: str
    settled_in: tuple[str, ...] = ()
    longest_life_ms: int = 0


class StartRun(Command):
    """The run's items have been queued."""

    space_id: str
    experiment_id: str
    run_id: str


class CompleteRun(Command):
    """Every item of the run has its outcome; ``succeeded`` and ``failed`` as in `RunCompleted`."""

    space_id: str
    experiment_id: str
    run_id: str
    succeeded: int
    failed: int


class KillExperiment(Command):
    """What is under way shall end."""

    space_id: str
    experiment_id: str


class TerminateRun(Command):
    """The run's queue is empty after a kill: whatever has no outcome stays without one."""

    space_id: str
    experiment_id: str
    run_id: str


class ExpireRun(Command):
    """The run's deadline has come."""

    space_id: str
    experiment_id: str
    run_id: str


class DeleteExperiment(Command):
    """The experiment leaves every list and gives its name back."""

    space_id: str
    experiment_id: str
