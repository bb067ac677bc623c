"""An evaluator as its decisions need it: its type and name, and which versions stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from commands.reservations import Held, evolve_held, reservation
from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from events.event import Erased, Event, Stream

EvaluatorCommand = CreateEvaluator | RenameEvaluator | SubmitEvaluatorVersion | DeleteEvaluator
NAME = "evaluator_name"
"""The kind of the reservations that make a name unique in its space."""


@dataclass(frozen=True)
class Evaluator:
    """``exists`` from creation to deletion; ``versions`` by name."""

    exists: bool = False
    evaluator_type: int = 0
    name_reservation: str = ""
    name: str | Erased = ""
    description: str | Erased = ""
    versions: frozenset[str] = frozenset()
    held: Held = field(default_factory=dict)


UNBORN = Evaluator()


def evaluator_stream(space_id: str, evaluator_id: str) -> Stream:
    """The stream of one evaluator."""
    return Stream(space_id, "evaluators", evaluator_id)


def streams(command: EvaluatorCommand, state: Evaluator) -> tuple[Stream, ...]:
    """The evaluator's own, and the reservations of the names that are claimed or released."""
    wanted = command.name_reservation if isinstance(command, CreateEvaluator | RenameEvaluator) else ""
    held = state.name_reservation if isinstance(command, RenameEvaluator | DeleteEvaluator) else ""
    names: Mapping[str, None] = dict.fromkeys(n for n in (wanted, held) if n)
    own = evaluator_stream(command.space_id, command.evaluator_id)
    return (own, *(reservation(command.space_id, NAME, name) for name in names))


def evolve(state: Evaluator, event: Event) -> Evaluator:
    """Folds an evaluator's history and its names'."""
    match event:
        case EvaluatorCreated():
            return replace(
                state,
                exists=True,
                evaluator_type=event.evaluator_type,
                name_reservation=event.name_reservation,
                name=event.name,
                description=event.description,
            )
        case EvaluatorRenamed():
            return replace(
                state, name=event.name, description=event.description, name_reservation=event.name_reservation
            )
        case EvaluatorVersionSubmitted():
            return replace(state, versions=state.versions | {event.version})
        case EvaluatorDeleted():
            return replace(state, exists=False)
        case _:
            return replace(state, held=evolve_held(state.held, event))
