"""The read side at work: rows and position in one transaction, parked streams, replay beside and switch."""

from __future__ import annotations

from cozeloop.projecting.positions import ModelPositions
from cozeloop.projecting.projection import Fenced, ForeignLog, Halted, Projection

__all__ = ["Fenced", "ForeignLog", "Halted", "ModelPositions", "Projection"]
