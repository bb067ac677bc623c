"""The read side of evaluators."""

from __future__ import annotations

from projections.evaluators.evaluator_records import EVALUATOR_RECORDS
from projections.evaluators.evaluator_versions import EVALUATOR_VERSIONS
from projections.evaluators.evaluators import EVALUATORS
from projections.projector import ReadModel

READ_MODELS: tuple[ReadModel, ...] = (EVALUATORS, EVALUATOR_VERSIONS, EVALUATOR_RECORDS)
