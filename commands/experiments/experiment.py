"""One experiment's state, folded from its own stream and its name's reservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from commands.reservations import Held, evolve_held
from events.event import Event, Stream
from events.experiments import (
    ExperimentDeleted,
    ExperimentSubmitted,
    RunCompleted,
    RunKillRequested,
    RunStarted,
    RunTerminated,
)
from events.reservations import NameClaimed, NameReleased


class Status(IntEnum):
    """The contract's ExptStatus."""

    UNKNOWN = 0
    PENDING = 2
    PROCESSING = 3
    SUCCESS = 11
    FAILED = 12
    TERMINATED = 13
    TERMINATING = 15


ACTIVE = frozenset({Status.PENDING, Status.PROCESSING, Status.TERMINATING})


@dataclass(frozen=True)
class Experiment:
    """What the rules need to know."""

    status: Status = Status.UNKNOWN
    run_id: str = ""
    item_count: int = 0
    name_reservation: str = ""
    deleted: bool = False
    held: Held = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Submitted and not deleted."""
        return self.status is not Status.UNKNOWN and not self.deleted


def stream(space: str, experiment_id: str) -> Stream:
    """The experiment's own stream."""
    return Stream(space, "experiments", experiment_id)


def step_stream(space: str, run_id: str, item_id: str, step: int, repetition: int = 0) -> Stream:
    """The stream of one step of one item; step 0 is the target, evaluators count from 1."""
    return Stream(space, "experiments", run_id, "step", f"{item_id}-{repetition}-{step}")


def final_status(item_count: int, succeeded: int) -> Status:
    """Success when every item succeeded."""
    return Status.SUCCESS if succeeded == item_count else Status.FAILED


def evolve(state: Experiment, event: Event) -> Experiment:
    """Folds one event."""
    match event:
        case ExperimentSubmitted():
            return replace(
                state,
                status=Status.PENDING,
                run_id=event.run_id,
                item_count=event.item_count,
                name_reservation=event.name_reservation,
            )
        case RunStarted():
            return replace(state, status=Status.PROCESSING, run_id=event.run_id)
        case RunKillRequested():
            return replace(state, status=Status.TERMINATING)
        case RunCompleted():
            return replace(state, status=final_status(state.item_count, event.succeeded))
        case RunTerminated():
            return replace(state, status=Status.TERMINATED)
        case ExperimentDeleted():
            return replace(state, deleted=True)
        case NameClaimed() | NameReleased():
            held: Mapping[str, str] = evolve_held(state.held, event)
            return replace(state, held=held)
        case _:
            return state
