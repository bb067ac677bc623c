"""What every capability reads from the log itself: which object lies in which space, which command wrote what."""

from __future__ import annotations

from projections.log.commands import COMMANDS
from projections.log.objects import OBJECTS
from projections.projector import ReadModel

READ_MODELS: tuple[ReadModel, ...] = (OBJECTS, COMMANDS)
"""The read models of this package."""
