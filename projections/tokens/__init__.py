"""The read side of personal access tokens."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.tokens.tokens import TOKENS

READ_MODELS: tuple[ReadModel, ...] = (TOKENS,)
