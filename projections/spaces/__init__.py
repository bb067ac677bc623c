"""The read side of spaces."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.spaces.members import MEMBERS
from projections.spaces.spaces import SPACES

READ_MODELS: tuple[ReadModel, ...] = (SPACES, MEMBERS)
