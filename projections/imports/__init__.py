"""The read side of imports: what was asked for, how far it has come, what was not taken."""

from __future__ import annotations

from projections.imports.imports import IMPORTS
from projections.projector import ReadModel

READ_MODELS: tuple[ReadModel, ...] = (IMPORTS,)
"""The read models of this package."""
