"""Whether somebody may go on reading: asked again for as long as the stream is open."""

from __future__ import annotations

from cozeloop.api.auth import caller, is_operator
from cozeloop.api.edge import Edge
from cozeloop.api.envelope import ApiError
from cozeloop.api.modules import NO_PERMISSION, Module

EVERY_SECONDS = 2.0
"""A silent stream asks so often. Tokens and members are remembered by those who know them, so that it costs little."""


class Permission:
    """The right with which a stream was opened."""

    def __init__(self, edge: Edge, space: str) -> None:
        self._edge = edge
        self._space = space
        self.every = EVERY_SECONDS

    async def require(self) -> None:
        """Refuses when the token is no longer the caller's, or the caller no longer a member."""
        edge = self._edge
        if edge.operator:
            if not is_operator(edge.platform, edge.request):
                raise ApiError(Module.FOUNDATION.code(NO_PERMISSION), "no permission,the operator's token has changed")
            return
        if await caller(edge.platform, edge.request) != edge.user_id or not await edge.may_enter(self._space):
            raise ApiError(Module.FOUNDATION.code(NO_PERMISSION), "no permission,not a member of this workspace")
