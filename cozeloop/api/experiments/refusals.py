"""The contract's codes for what an experiment's rules refuse (behaviour.md §6.7)."""

from __future__ import annotations

from commands.command import Refusal
from commands.experiments import decide as rules

INVALID_PARAM = 601200202
NOT_FOUND = 601203004
CONFIG_INVALID = 601204001
RUNNING_QUOTA = 601204006
VERSION_MISSING = 601205013
RUN_OUTLIVED = 601205084

CODES: dict[type[Refusal], tuple[int, str]] = {
    rules.ExperimentNotFound: (NOT_FOUND, "experiment not found"),
    rules.ExperimentNameInvalid: (601204017, "experiment name is not valid"),
    rules.ExperimentNameTaken: (601204005, "experiment name already exists"),
    rules.ExperimentConfigInvalid: (CONFIG_INVALID, "experiment configuration is not valid"),
    rules.ExperimentEvaluatorRepeated: (INVALID_PARAM, "invalid param"),
    rules.ExperimentRunning: (601204002, "experiment is already running"),
    rules.ExperimentItemRetrying: (601204015, "an item is being retried already"),
    rules.ExperimentEnding: (601204016, "experiment is completing"),
    rules.ExperimentNotRunning: (601204011, "only a running experiment can be killed"),
}
"""Refusal -> code and base message."""
