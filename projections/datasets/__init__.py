"""The read side of datasets: what they are, their versions, and every row that they ever held."""

from __future__ import annotations

from projections.datasets.datasets import DATASETS
from projections.datasets.rows import DATASET_ROWS
from projections.datasets.versions import DATASET_VERSIONS
from projections.projector import ReadModel

READ_MODELS: tuple[ReadModel, ...] = (DATASETS, DATASET_VERSIONS, DATASET_ROWS)
"""The read models of this package."""
