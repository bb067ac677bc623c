"""Spaces over HTTP: those that the caller may enter, and no others (behaviour.md §2.2)."""

from __future__ import annotations

from typing import Any

from cozeloop.api.edge import Edge
from cozeloop.api.modules import Module
from cozeloop.api.routing import Api
from cozeloop.api.spaces import translate
from cozeloop.api.wire import foundation as wire
from projections.spaces.members import spaces_of
from projections.spaces.spaces import get_spaces

api = Api(Module.FOUNDATION)

PATH = "/api/foundation/v1/spaces"
PAGE_SIZE = 20


@api.post(f"{PATH}/list", wire.ListUserSpaceRequest, wire.ListUserSpaceResponse)
async def list_spaces(edge: Edge, req: wire.ListUserSpaceRequest) -> dict[str, Any]:
    """A page of the caller's spaces, oldest first; a ``user_id`` sent along is not listened to."""
    ids, total = await edge.ask(spaces_of, edge.user_id, req.page_number or 1, req.page_size or PAGE_SIZE)
    return {"spaces": await shown(edge, ids), "total": total}


@api.get(f"{PATH}/:space_id", wire.GetSpaceRequest, wire.GetSpaceResponse)
async def get(edge: Edge, req: wire.GetSpaceRequest) -> dict[str, Any]:
    """One space of the caller's; unknown and foreign are one refusal."""
    [space] = await shown(edge, [await edge.enter_space(req.space_id)])
    return {"space": space}


async def shown(edge: Edge, space_ids: list[str]) -> list[dict[str, Any]]:
    """The spaces with their owners' names, in the order of the ids."""
    rows = await edge.ask(get_spaces, space_ids)
    owners = await edge.platform.people.get([row["owner"] for row in rows.values()])
    return [translate.space(rows[id], owners.get(rows[id]["owner"])) for id in space_ids if id in rows]
