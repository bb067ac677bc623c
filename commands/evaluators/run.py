"""A run of a version outside of an experiment: recorded once, and nothing changes it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from commands.command import Context, To
from commands.evaluators.messages import EvaluatorRunRepeated, RecordEvaluatorRun
from events.evaluators import EvaluatorRan
from events.event import Event, Stream


@dataclass(frozen=True)
class EvaluatorRun:
    """Whether it is recorded."""

    exists: bool = False


UNRECORDED = EvaluatorRun()


def run_stream(space_id: str, record_id: str) -> Stream:
    """The stream of one run."""
    return Stream(space_id, "evaluators", record_id, kind="run")


def run_streams(command: RecordEvaluatorRun, _: EvaluatorRun) -> tuple[Stream, ...]:
    """The run's own."""
    return (run_stream(command.space_id, command.record_id),)


def evolve_run(state: EvaluatorRun, event: Event) -> EvaluatorRun:
    """Folds the one event."""
    return replace(state, exists=True) if isinstance(event, EvaluatorRan) else state


def record(state: EvaluatorRun, command: RecordEvaluatorRun, _: Context) -> Sequence[Event | To]:
    """The record."""
    if state.exists:
        raise EvaluatorRunRepeated(f"record {command.record_id} stands")
    return (EvaluatorRan(**command.model_dump(exclude={"space_id"})),)
