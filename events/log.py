"""What happens to the log itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from events.event import Event


class LostRange(BaseModel):
    """Positions from ``first`` to ``last``, both inclusive."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    first: int
    last: int


class LossAccepted(Event):
    """An operator goes on without events that are gone. ``follows`` is the id of the log that held them.

    ``lost``: holes within what is left, and the end that was cut off, whose positions are given out again under the
    new log's name.
    """

    follows: str
    ended_at: int
    lost: tuple[LostRange, ...]
