"""Experiments: submit, run, retry, kill, expire, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.experiments import decide
from commands.experiments.experiment import Experiment, evolve, stream
from commands.experiments.messages import (
    CompleteRun,
    DeleteExperiment,
    ExpireRun,
    KillExperiment,
    RetryExperiment,
    StartRun,
    SubmitExperiment,
    TerminateRun,
)
from commands.reservations import reservation
from events.event import Stream


def _submit_streams(command: SubmitExperiment, _: Experiment) -> tuple[Stream, ...]:
    return (
        stream(command.space_id, command.experiment_id),
        reservation(command.space_id, decide.NAME_KIND, command.name_reservation),
    )


def _own(command: Any, _: Experiment) -> tuple[Stream, ...]:
    return (stream(command.space_id, command.experiment_id),)


def _with_name(command: DeleteExperiment, state: Experiment) -> tuple[Stream, ...]:
    own = stream(command.space_id, command.experiment_id)
    if not state.name_reservation:
        return (own,)
    return (own, reservation(command.space_id, decide.NAME_KIND, state.name_reservation))


DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    SubmitExperiment: Decider(Experiment(), _submit_streams, evolve, decide.submit),
    RetryExperiment: Decider(Experiment(), _own, evolve, decide.retry),
    StartRun: Decider(Experiment(), _own, evolve, decide.start),
    CompleteRun: Decider(Experiment(), _own, evolve, decide.complete),
    KillExperiment: Decider(Experiment(), _own, evolve, decide.kill),
    TerminateRun: Decider(Experiment(), _own, evolve, decide.terminate),
    ExpireRun: Decider(Experiment(), _own, evolve, decide.expire),
    DeleteExperiment: Decider(Experiment(), _with_name, evolve, decide.delete),
}

__all__ = ["DECIDERS"]
