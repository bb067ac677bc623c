"""How a run goes on: which items have their outcome, and what is to be done next. Pure.

`evolve` folds events into a run, `react` says what to do now, `resume` what a crash may have lost. Effects carry
deterministic ids, so doing one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from commands.command import Command
from commands.experiments.messages import CompleteRun, StartRun, TerminateRun
from events.event import Erased, Event, Recorded
from events.experiments import (
    EvaluatorFailed,
    EvaluatorScored,
    ExperimentSubmitted,
    RunCompleted,
    RunKillRequested,
    RunStarted,
    RunTerminated,
    TargetAnswered,
    TargetFailed,
)
from events.spaces import SpaceKeyDestroyed

CHUNK = 20
"""Items of a task whose steps are all local code; a task that calls a model holds one."""

Outcome = TargetAnswered | TargetFailed | EvaluatorScored | EvaluatorFailed
FOLDED = (ExperimentSubmitted, RunStarted, RunKillRequested, RunCompleted, RunTerminated)
OUTCOMES = (TargetAnswered, TargetFailed, EvaluatorScored, EvaluatorFailed)


class Phase(StrEnum):
    """Where a run stands."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    ENDING = "ending"
    OVER = "over"


@dataclass(frozen=True)
class Enqueue:
    """Publish a task for every chunk of items that is not settled; what is queued already is refused.

    ``again``: parts of it may have been done before.
    """

    run: Run
    again: bool = False


@dataclass(frozen=True)
class Dequeue:
    """Empty the run's queue and take its workers away."""

    run_id: str


Effect = Enqueue | Dequeue | Command


@dataclass(frozen=True)
class Run:
    """One run's progress.

    ``settled`` and ``failed`` are bit sets of item indexes; ``partial`` holds the steps done
    of items under way, as bit sets of step numbers (0 the target, evaluators from 1).
    """

    space_id: str
    experiment_id: str
    run_id: str
    dataset_id: str
    revision: int
    item_count: int
    concurrency: int
    evaluators: int
    has_target: bool
    asks_judges: bool = False
    phase: Phase = Phase.SUBMITTED
    settled: int = 0
    failed: int = 0
    partial: Mapping[int, int] = field(default_factory=dict)
    queued: bool = False
    closing: bool = False

    @property
    def chunk(self) -> int:
        """Items of one task."""
        return 1 if self.has_target or self.asks_judges else CHUNK

    @property
    def complete(self) -> bool:
        """Whether every item has its outcome."""
        return self.settled.bit_count() == self.item_count

    def unsettled(self) -> list[list[int]]:
        """The item indexes without an outcome, by task; a task's number is its place in the whole."""
        return [
            [i for i in range(first, min(first + self.chunk, self.item_count)) if not self.settled >> i & 1]
            for first in range(0, self.item_count, self.chunk)
        ]


def begin(recorded: Recorded[ExperimentSubmitted]) -> Run:
    """The first run of an experiment."""
    event = recorded.event
    return Run(
        space_id=recorded.stream.space,
        experiment_id=event.experiment_id,
        run_id=event.run_id,
        dataset_id=event.dataset.id,
        revision=event.dataset.revision,
        item_count=event.item_count,
        concurrency=event.concurrency,
        evaluators=len(event.evaluator_version_ids),
        has_target=event.prompt is not None,
        asks_judges=bool(event.judge_steps),
        phase=Phase.OVER if isinstance(event.evaluators, Erased) else Phase.SUBMITTED,
    )


def evolve(run: Run, event: Event) -> Run:
    """Folds one event of the run."""
    match event:
        case TargetAnswered() | TargetFailed() | EvaluatorScored() | EvaluatorFailed():
            return _outcome(run, event)
        case RunStarted() if run.phase is Phase.SUBMITTED:
            return replace(run, phase=Phase.RUNNING)
        case RunKillRequested() if run.phase is not Phase.OVER:
            return replace(run, phase=Phase.ENDING, closing=False)
        case RunCompleted() | RunTerminated() | SpaceKeyDestroyed():
            return replace(run, phase=Phase.OVER, partial={}, closing=False)
        case _:
            return run


def _outcome(run: Run, event: Outcome) -> Run:
    bit = 1 << event.item_index
    if run.settled & bit or run.phase is Phase.OVER:
        return run
    step = event.step if isinstance(event, EvaluatorScored | EvaluatorFailed) else 0
    done = run.partial.get(event.item_index, 0) | 1 << step
    failed = run.failed | bit if isinstance(event, TargetFailed | EvaluatorFailed) else run.failed
    wanted = ((1 << run.evaluators) - 1) << 1 | run.has_target
    if isinstance(event, TargetFailed) or done == wanted:
        partial = {k: v for k, v in run.partial.items() if k != event.item_index} if run.partial else run.partial
        return replace(run, settled=run.settled | bit, failed=failed, partial=partial)
    return replace(run, failed=failed, partial={**run.partial, event.item_index: done})


def react(run: Run) -> tuple[Run, Sequence[Effect]]:
    """What to do now that events were folded."""
    if run.phase is Phase.ENDING and not run.closing:
        return replace(run, closing=True), [Dequeue(run.run_id), _terminate(run)]
    if run.phase is Phase.OVER and not run.closing:
        return replace(run, closing=True), [Dequeue(run.run_id)]
    if run.phase in (Phase.SUBMITTED, Phase.RUNNING):
        if run.complete and not run.closing:
            return replace(run, closing=True, queued=True), [_complete(run)]
        if not run.queued:
            return replace(run, queued=True), [Enqueue(run), _start(run)]
    return run, ()


def resume(run: Run) -> Sequence[Effect]:
    """What a crash, or a broker that lost its memory, may have lost."""
    if run.phase is Phase.OVER:
        return [Dequeue(run.run_id)]
    if run.phase is Phase.ENDING:
        return [Dequeue(run.run_id), _terminate(run)]
    if run.complete:
        return [_complete(run)]
    return [Enqueue(run, again=True), _start(run)]


def _start(run: Run) -> Command:
    return StartRun(space_id=run.space_id, experiment_id=run.experiment_id, run_id=run.run_id)


def _complete(run: Run) -> Command:
    failed = run.failed.bit_count()
    return CompleteRun(
        space_id=run.space_id,
        experiment_id=run.experiment_id,
        run_id=run.run_id,
        succeeded=run.item_count - failed,
        failed=failed,
    )


def _terminate(run: Run) -> Command:
    return TerminateRun(space_id=run.space_id, experiment_id=run.experiment_id, run_id=run.run_id)
