"""Facts of read models that a command rests on: they stand where the streams that it is appended to end."""

from __future__ import annotations

from cozeloop.api.edge import Edge
from cozeloop.handling import Contended, Tails
from projections.projector import ReadModel


async def standing_at(edge: Edge, tails: Tails, *models: ReadModel) -> None:
    """Waits until the models show everything that the append rests on; raises Contended when they stay behind."""
    position = max(tail.position for tail in tails.values())
    positions, limit = edge.platform.positions, edge.platform.settings.read_wait_seconds
    for model in models:
        if positions.of(model.name) < position and not await positions.reached(model.name, position, limit):
            raise Contended(f"read model {model.name} has not come to position {position}")
