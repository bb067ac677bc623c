"""The read side of webhooks."""

from __future__ import annotations

from projections.projector import ReadModel
from projections.webhooks.webhooks import WEBHOOKS

READ_MODELS: tuple[ReadModel, ...] = (WEBHOOKS,)
