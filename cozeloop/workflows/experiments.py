"""How an experiment's runs go on: which items have their outcome, and what is to be done next. Pure.

`evolve` folds events into an experiment, `react` says what to do now, `resume` what a crash may have lost, `due` what
has outlived its deadline. Effects carry deterministic ids, so doing one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from commands.command import Command
from commands.experiments.experiment import items_of
from commands.experiments.messages import CompleteRun, ExpireRun, StartRun, TerminateRun
from events.event import Erased, Event, Recorded
from events.experiments import (
    EvaluatorFailed,
    EvaluatorScored,
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
    RunKillRequested,
    RunStarted,
    RunTerminated,
    TargetAnswered,
    TargetFailed,
)
from events.spaces import SpaceKeyDestroyed

C = TypeVar("C", StartRun, TerminateRun, ExpireRun)
CHUNK = 20
"""Items of a task whose steps are all local code; a task that calls a model holds one."""
LOOKED_AT = 10
"""How many of the runs before are looked at for what an item that failed is spared."""

Outcome = TargetAnswered | TargetFailed | EvaluatorScored | EvaluatorFailed
OUTCOMES = (TargetAnswered, TargetFailed, EvaluatorScored, EvaluatorFailed)
FOLDED = (ExperimentRetried, RunStarted, RunKillRequested, RunCompleted, RunTerminated, RunExpired, *OUTCOMES)


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

    run_id: str
    again: bool = False


@dataclass(frozen=True)
class Dequeue:
    """Empty the run's queue and take its workers away."""

    run_id: str


Effect = Enqueue | Dequeue | Command


@dataclass(frozen=True)
class Run:
    """One run's progress.

    ``items``, ``settled`` are bit sets of item indexes; ``partial`` holds the steps done of items under way, as bit
    sets of step numbers (0 the target, evaluators from 1), ``failed`` those of them that failed already. ``earlier``
    are the runs, newest first, whose successes are kept. ``deadline`` in ms since 1970, 0 = none.
    """

    run_id: str
    items: int
    deadline: int = 0
    earlier: tuple[str, ...] = ()
    phase: Phase = Phase.SUBMITTED
    settled: int = 0
    failed: int = 0
    partial: Mapping[int, int] = field(default_factory=dict)
    queued: bool = False
    closing: bool = False

    @property
    def complete(self) -> bool:
        """Whether every item of the run has its outcome."""
        return self.settled == self.items


@dataclass(frozen=True)
class Experiment:
    """What its runs share, the runs that are not over, and which items have a success as their newest result.

    ``known`` are the ids of all its runs, the newest first.
    """

    space_id: str
    experiment_id: str
    dataset_id: str
    revision: int
    item_count: int
    concurrency: int
    evaluators: int
    has_target: bool
    asks_judges: bool = False
    succeeded: int = 0
    known: tuple[str, ...] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)

    def unsettled(self, run: Run) -> list[list[int]]:
        """The item indexes without an outcome, by task; a task's number is its place among all tasks of the run."""
        size = 1 if self.has_target or self.asks_judges else CHUNK
        bits = f"{run.items:b}"[::-1]
        items = [index for index, bit in enumerate(bits) if bit == "1"]
        chunks = [items[first : first + size] for first in range(0, len(items), size)]
        return [[i for i in chunk if not run.settled >> i & 1] for chunk in chunks]


def begin(recorded: Recorded[ExperimentSubmitted]) -> Experiment:
    """The experiment with its first run; with none when its space's key is destroyed."""
    event = recorded.event
    run = Run(event.run_id, (1 << event.item_count) - 1, event.deadline)
    return Experiment(
        space_id=recorded.stream.space,
        experiment_id=event.experiment_id,
        dataset_id=event.dataset.id,
        revision=event.dataset.revision,
        item_count=event.item_count,
        concurrency=event.concurrency,
        evaluators=len(event.evaluator_version_ids),
        has_target=event.prompt is not None,
        asks_judges=bool(event.judge_steps),
        known=(event.run_id,),
        runs={} if isinstance(event.evaluators, Erased) else {event.run_id: run},
    )


def evolve(experiment: Experiment, event: Event) -> Experiment:
    """Folds one event of the experiment."""
    if isinstance(event, ExperimentRetried):
        earlier = experiment.known[:LOOKED_AT] if event.mode == "failures" else ()
        items = items_of(event.items) & ((1 << experiment.item_count) - 1)
        run = Run(event.run_id, items, event.deadline, earlier)
        known = (event.run_id, *experiment.known)
        return replace(experiment, known=known, runs={**experiment.runs, event.run_id: run})
    if isinstance(event, SpaceKeyDestroyed):
        return replace(experiment, runs={k: _over(run) for k, run in experiment.runs.items()})
    run_id = getattr(event, "run_id", "")
    if run_id not in experiment.runs:
        return experiment
    run = experiment.runs[run_id]
    if isinstance(event, OUTCOMES):
        return _outcome(experiment, run, event)
    match event:
        case RunStarted() if run.phase is Phase.SUBMITTED:
            run = replace(run, phase=Phase.RUNNING)
        case RunKillRequested() if run.phase is not Phase.OVER:
            run = replace(run, phase=Phase.ENDING, closing=False)
        case RunCompleted() | RunTerminated() | RunExpired():
            run = _over(run)
        case _:
            return experiment
    return _with(experiment, run)


def _outcome(experiment: Experiment, run: Run, event: Outcome) -> Experiment:
    index = event.item_index
    bit = 1 << index
    if run.settled & bit or not run.items & bit or run.phase is Phase.OVER:
        return experiment
    step = event.step if isinstance(event, EvaluatorScored | EvaluatorFailed) else 0
    done = run.partial.get(index, 0) | 1 << step
    failed = run.failed | bit if isinstance(event, TargetFailed | EvaluatorFailed) else run.failed
    wanted = ((1 << experiment.evaluators) - 1) << 1 | experiment.has_target
    if not isinstance(event, TargetFailed) and done != wanted:
        return _with(experiment, replace(run, failed=failed, partial={**run.partial, index: done}))
    partial = {k: v for k, v in run.partial.items() if k != index} if run.partial else run.partial
    runs = {**experiment.runs, run.run_id: replace(run, settled=run.settled | bit, failed=failed, partial=partial)}
    succeeded = experiment.succeeded & ~bit if failed & bit else experiment.succeeded | bit
    return replace(experiment, succeeded=succeeded, runs=runs)


def react(experiment: Experiment) -> tuple[Experiment, Sequence[Effect]]:
    """What to do now that events were folded; what is over is put away."""
    effects: list[Effect] = []
    runs: dict[str, Run] = {}
    for run in experiment.runs.values():
        news, wanted = _react(experiment, run)
        effects.extend(wanted)
        if news.phase is not Phase.OVER:
            runs[news.run_id] = news
    return replace(experiment, runs=runs), effects


def put_away(experiment: Experiment) -> Experiment:
    """Without the runs that are over."""
    runs = {k: r for k, r in experiment.runs.items() if r.phase is not Phase.OVER}
    return experiment if len(runs) == len(experiment.runs) else replace(experiment, runs=runs)


def _react(experiment: Experiment, run: Run) -> tuple[Run, Sequence[Effect]]:
    if run.phase is Phase.OVER:
        return run, [Dequeue(run.run_id)]
    if run.phase is Phase.ENDING:
        if run.closing:
            return run, ()
        return replace(run, closing=True), [Dequeue(run.run_id), _of(TerminateRun, experiment, run)]
    if run.complete:
        if run.closing:
            return run, ()
        return replace(run, closing=True, queued=True), [complete(experiment, run)]
    if not run.queued:
        return replace(run, queued=True), [Enqueue(run.run_id), _of(StartRun, experiment, run)]
    return run, ()


def resume(experiment: Experiment) -> Sequence[Effect]:
    """What a crash, or a broker that lost its memory, may have lost."""
    effects: list[Effect] = []
    for run in experiment.runs.values():
        if run.phase is Phase.OVER:
            effects.append(Dequeue(run.run_id))
        elif run.phase is Phase.ENDING:
            effects += [Dequeue(run.run_id), _of(TerminateRun, experiment, run)]
        elif run.complete:
            effects.append(complete(experiment, run))
        else:
            effects += [Enqueue(run.run_id, again=True), _of(StartRun, experiment, run)]
    return effects


def due(experiment: Experiment, now_ms: int) -> Sequence[ExpireRun]:
    """The commands that end what has outlived its deadline."""
    late = [r for r in experiment.runs.values() if r.phase is not Phase.OVER and 0 < r.deadline <= now_ms]
    return [_of(ExpireRun, experiment, run) for run in late]


def complete(experiment: Experiment, run: Run) -> CompleteRun:
    """Ends a run whose items all have their outcome, with the experiment's results as they stand."""
    succeeded = experiment.succeeded.bit_count()
    return CompleteRun(
        space_id=experiment.space_id,
        experiment_id=experiment.experiment_id,
        run_id=run.run_id,
        succeeded=succeeded,
        failed=experiment.item_count - succeeded,
    )


def _over(run: Run) -> Run:
    return replace(run, phase=Phase.OVER, partial={})


def _with(experiment: Experiment, run: Run) -> Experiment:
    return replace(experiment, runs={**experiment.runs, run.run_id: run})


def _of(command: type[C], experiment: Experiment, run: Run) -> C:
    return command(space_id=experiment.space_id, experiment_id=experiment.experiment_id, run_id=run.run_id)
