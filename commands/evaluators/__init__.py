"""Evaluators: created under a unique name with a first version, renamed, submitted version by version, run, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.evaluators.decide import decide
from commands.evaluators.evaluator import UNBORN, evolve, streams
from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    RecordEvaluatorRun,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from commands.evaluators.run import UNRECORDED, evolve_run, record, run_streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    CreateEvaluator: Decider(UNBORN, streams, evolve, decide, blind=True),
    RenameEvaluator: Decider(UNBORN, streams, evolve, decide),
    SubmitEvaluatorVersion: Decider(UNBORN, streams, evolve, decide),
    DeleteEvaluator: Decider(UNBORN, streams, evolve, decide),
    RecordEvaluatorRun: Decider(UNRECORDED, run_streams, evolve_run, record),
}
