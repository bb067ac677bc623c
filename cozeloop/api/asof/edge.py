"""A request's view of the platform at a position of the log: the contract's handlers read through it unchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

from cozeloop.api.edge import Edge
from cozeloop.platform import Draft, Platform


class NoDrafts:
    """Drafts are working state: what they were is not known."""

    async def load(self, space: str, capability: str, id: str, user: str = "") -> Draft | None:
        """None."""
        return None

    async def save(self, *_: Any, **__: Any) -> NoReturn:
        """The past is not written."""
        raise TypeError("a question about the past writes nothing")


class PastEdge(Edge):
    """Asks the read side of the past. Who may see it is asked of today, and people have the names of today."""

    def __init__(self, edge: Edge, platform: Platform) -> None:
        super().__init__(platform, edge.tenancy, edge.request, edge.module, edge.user_id)

    @classmethod
    def over(cls, edge: Edge, database: Any) -> PastEdge:
        """The same caller and request on a read side of the past."""
        return cls(edge, replace(edge.platform, database=database, drafts=NoDrafts()))

    async def issue(self, *_: Any, **__: Any) -> NoReturn:
        """The past is not written."""
        raise TypeError("a question about the past writes nothing")

    async def repeats(self, idempotency: str = "") -> bool:
        """A question is never a repeated command."""
        return False
