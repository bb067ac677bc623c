"""Experiments: what was submitted, each run over the items, and the one outcome of every item, step and run.

An experiment's own facts lie in ``<space>.experiments.<id>``; the outcome of one step of one item is the only event
of ``<space>.experiments.step.<run>.<item>-<repetition>-<step>``, so that a second worker's outcome loses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from events.event import Event, Sealed

DEFAULT_EVALUATORS_AT_ONCE = 3
RetryMode = Literal["all", "failures", "items"]


class Pin(BaseModel):
    """Something at one immutable version: what it names, and the digest of its content."""

    model_config = ConfigDict(frozen=True)
    id: str
    version_id: str = ""
    version: str = ""
    revision: int = 0
    digest: str = ""


class FieldMapping(BaseModel):
    """Where a field's value comes from: a column, an output of the target, or a constant."""

    model_config = ConfigDict(frozen=True)
    field: str
    from_column: str = ""
    from_target: str = ""
    constant: str | None = None


class EvaluatorPin(Pin):
    """An evaluator's version with the fields that it reads; empty mapping = every column and output."""

    mapping: tuple[FieldMapping, ...] = ()


Upcasts = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]


def _without_judges(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "judge_steps": []}


def _without_limits(payload: dict[str, Any]) -> dict[str, Any]:
    limits = {"evaluators_concurrency": DEFAULT_EVALUATORS_AT_ONCE, "item_retries": 0, "longest_life_ms": 0}
    return {**payload, **limits, "score_weights": {}, "deadline": 0}


def _by_code(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "asked": "", "input_tokens": 0, "output_tokens": 0}


def _one_at_a_time(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "still_running": 0}


class ExperimentSubmitted(Event):
    """A set, a target (or none: the outputs lie in the set) and evaluators, each pinned, with the first run.

    ``judge_steps`` are the steps whose evaluators ask a model (version 1 had none), counted from 1. Version 2 had
    neither weights nor limits. ``score_weights`` are by evaluator version id, empty = all weigh the same.
    ``item_retries`` is how often an item that failed is tried once more within a run. ``deadline`` is the first run's,
    in milliseconds since 1970, 0 = none; ``longest_life_ms`` is from which each further run's follows.
    """

    schema_version: ClassVar[int] = 3
    upcasts: ClassVar[Upcasts] = {1: _without_judges, 2: _without_limits}
    experiment_id: str
    run_id: str
    name: Sealed[str]
    description: Sealed[str]
    name_reservation: str
    dataset: Pin
    item_count: int
    prompt: Pin | None
    target_id: str
    target_version_id: str
    target_mapping: Sealed[tuple[FieldMapping, ...]]
    runtime_parameters: Sealed[str]
    evaluators: Sealed[tuple[EvaluatorPin, ...]]
    evaluator_version_ids: tuple[str, ...]
    judge_steps: tuple[int, ...] = ()
    concurrency: int
    score_weights: dict[str, float]
    evaluators_concurrency: int
    item_retries: int
    longest_life_ms: int
    deadline: int


class ExperimentRetried(Event):
    """A further run, over some of the items. ``number`` counts the experiment's runs; the submission's is 1.

    ``items`` is a bit set of item indexes in hexadecimal digits, the lowest bit the first item. In mode "failures"
    what had succeeded of an item is kept, in the others every step is done again. ``deadline`` as of the submission.
    """

    experiment_id: str
    run_id: str
    number: int
    mode: RetryMode
    items: str
    deadline: int


class RunStarted(Event):
    """The items of a run are queued."""

    experiment_id: str
    run_id: str


class RunCompleted(Event):
    """Every item of the run has its outcome; all of them lie before this event.

    ``succeeded`` is how many of the experiment's items have a success as their result now, ``failed`` all others.
    ``still_running``: how many runs of the experiment are under way; its status is final when there is none.
    """

    schema_version: ClassVar[int] = 2
    upcasts: ClassVar[Upcasts] = {1: _one_at_a_time}
    experiment_id: str
    run_id: str
    succeeded: int
    failed: int
    still_running: int


class RunKillRequested(Event):
    """Somebody wants the run to end; items under way may still end before it does."""

    experiment_id: str
    run_id: str


class RunTerminated(Event):
    """The run has ended early; what has no outcome of it before this event stays without one."""

    schema_version: ClassVar[int] = 2
    upcasts: ClassVar[Upcasts] = {1: _one_at_a_time}
    experiment_id: str
    run_id: str
    still_running: int


class RunExpired(Event):
    """The run outlived its deadline; what has no outcome of it before this event stays without one."""

    experiment_id: str
    run_id: str
    still_running: int


class ExperimentDeleted(Event):
    """The experiment is gone from every list; its history stays."""

    experiment_id: str
    name_reservation: str


class TargetAnswered(Event):
    """The target's answer for one item."""

    experiment_id: str
    run_id: str
    item_id: str
    item_index: int
    output: Sealed[str]
    input_tokens: int
    output_tokens: int
    duration_ms: int


class TargetFailed(Event):
    """The target gave no answer for one item, after every attempt."""

    experiment_id: str
    run_id: str
    item_id: str
    item_index: int
    code: int
    message: Sealed[str]
    duration_ms: int


class EvaluatorScored(Event):
    """An evaluator's score for one item. ``step`` counts the experiment's evaluators from 1.

    Of a judge: ``asked`` is the rendered prompt, the JSON of a model call's messages, with the tokens of the call.
    """

    schema_version: ClassVar[int] = 2
    upcasts: ClassVar[Upcasts] = {1: _by_code}

    experiment_id: str
    run_id: str
    item_id: str
    item_index: int
    step: int
    evaluator_version_id: str
    score: float
    reasoning: Sealed[str]
    stdout: Sealed[str]
    asked: Sealed[str] = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int


class EvaluatorFailed(Event):
    """An evaluator gave no score for one item. ``asked`` and the tokens as in `EvaluatorScored`."""

    schema_version: ClassVar[int] = 2
    upcasts: ClassVar[Upcasts] = {1: _by_code}

    experiment_id: str
    run_id: str
    item_id: str
    item_index: int
    step: int
    evaluator_version_id: str
    code: int
    message: Sealed[str]
    stdout: Sealed[str]
    asked: Sealed[str] = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int
