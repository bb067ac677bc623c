"""Evaluators: created under a unique name with a first version, renamed, submitted version by version, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.evaluators.decide import decide
from commands.evaluators.evaluator import UNBORN, evolve, streams
from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateEvaluator: Decider(UNBORN, streams, evolve, decide, blind=True),
    RenameEvaluator: Decider(UNBORN, streams, evolve, decide),
    SubmitEvaluatorVersion: Decider(UNBORN, streams, evolve, decide),
    DeleteEvaluator: Decider(UNBORN, streams, evolve, decide),
}
