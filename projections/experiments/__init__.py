"""Read models of experiments."""

from __future__ import annotations

from projections.experiments.experiments import EXPERIMENTS
from projections.experiments.outcomes import OUTCOMES

READ_MODELS = (EXPERIMENTS, OUTCOMES)

__all__ = ["EXPERIMENTS", "OUTCOMES", "READ_MODELS"]
