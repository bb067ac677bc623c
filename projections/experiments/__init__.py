"""Read models of experiments."""

from __future__ import annotations

from projections.experiments.experiments import EXPERIMENTS
from projections.experiments.outcomes import OUTCOMES
from projections.experiments.runs import RUNS
from projections.experiments.tallies import TALLIES

READ_MODELS = (EXPERIMENTS, RUNS, OUTCOMES, TALLIES)

__all__ = ["EXPERIMENTS", "OUTCOMES", "READ_MODELS", "RUNS", "TALLIES"]
