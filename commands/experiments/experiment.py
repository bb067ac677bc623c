"""One experiment's state, folded from its own stream and its name's reservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from commands.reservations import Held, evolve_held
from events.event import Event, Stream
from events.experiments import (
    ExperimentDeleted,
    ExperimentRetried,
    ExperimentSubmitted,
    RunCompleted,
    RunExpired,
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


EVERY_ITEM = -1
"""The bit set that holds whatever index."""


@dataclass(frozen=True)
class UnderWay:
    """A run that is not over. ``items`` is a bit set of item indexes; ``deadline`` in ms since 1970, 0 = none."""

    items: int
    deadline: int = 0
    started: bool = False
    ending: bool = False


@dataclass(frozen=True)
class Experiment:
    """What the rules need to know. ``number`` is how many runs there were, ``runs`` are those under way."""

    status: Status = Status.UNKNOWN
    number: int = 0
    item_count: int = 0
    longest_life_ms: int = 0
    name_reservation: str = ""
    deleted: bool = False
    runs: Mapping[str, UnderWay] = field(default_factory=dict)
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


def items_of(text: str) -> int:
    """The bit set that an event or a command holds as hexadecimal digits; what is none is the empty one."""
    try:
        return max(int(text or "0", 16), 0)
    except ValueError:
        return 0


def evolve(state: Experiment, event: Event) -> Experiment:
    """Folds one event."""
    match event:
        case ExperimentSubmitted():
            return replace(
                state,
                status=Status.PENDING,
                number=1,
                item_count=event.item_count,
                longest_life_ms=event.longest_life_ms,
                name_reservation=event.name_reservation,
                runs={event.run_id: UnderWay(EVERY_ITEM, event.deadline)},
            )
        case ExperimentRetried():
            run = UnderWay(items_of(event.items), event.deadline)
            runs = {**state.runs, event.run_id: run}
            return replace(state, status=Status.PROCESSING, number=event.number, runs=runs)
        case RunStarted():
            return replace(_changed(state, event.run_id, started=True), status=Status.PROCESSING)
        case RunKillRequested():
            return replace(_changed(state, event.run_id, ending=True), status=Status.TERMINATING)
        case RunCompleted():
            return _ended(state, event.run_id, final_status(state.item_count, event.succeeded))
        case RunTerminated():
            return _ended(state, event.run_id, Status.TERMINATED)
        case RunExpired():
            return _ended(state, event.run_id, Status.FAILED)
        case ExperimentDeleted():
            return replace(state, deleted=True)
        case NameClaimed() | NameReleased():
            held: Mapping[str, str] = evolve_held(state.held, event)
            return replace(state, held=held)
        case _:
            return state


def _changed(state: Experiment, run_id: str, started: bool = False, ending: bool = False) -> Experiment:
    run = state.runs.get(run_id)
    if run is None:
        return state
    news = replace(run, started=started or run.started, ending=ending or run.ending)
    return replace(state, runs={**state.runs, run_id: news})


def _ended(state: Experiment, run_id: str, status: Status) -> Experiment:
    """One run less; the last one's end is the experiment's."""
    runs = {k: v for k, v in state.runs.items() if k != run_id}
    return replace(state, runs=runs, status=state.status if runs else status)
