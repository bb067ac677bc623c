"""The read side of users."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.users.users import USERS

READ_MODELS: tuple[ReadModel, ...] = (USERS,)
