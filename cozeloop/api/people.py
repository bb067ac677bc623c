"""People in answers: names come from the vault when answering, never from an event or a read model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cozeloop.api.edge import Edge
from cozeloop.platform import Person

Json = dict[str, Any]


def user_detail(person: Person) -> Json:
    """A person as foundation and prompt show them (``UserInfoDetail``); an avatar that is not set is left out."""
    shown = {
        "user_id": person.user_id,
        "name": person.name,
        "nick_name": person.nick_name,
        "email": person.email,
        "avatar_url": person.avatar,
    }
    return {k: v for k, v in shown.items() if v}


def user_info(person: Person) -> Json:
    """A person as data and evaluation show them (``UserInfo``): ``name`` is what the console prints."""
    shown = {
        "user_id": person.user_id,
        "name": person.nick_name,
        "email": person.email,
        "avatar_url": person.avatar,
    }
    return {k: v for k, v in shown.items() if v}


async def user_details(edge: Edge, user_ids: Iterable[str]) -> list[Json]:
    """The ``users`` of a list: each once, in the order of first mention. Of somebody forgotten the id is left."""
    wanted = [u for u in dict.fromkeys(user_ids) if u]
    found = await edge.platform.people.get(wanted)
    return [user_detail(found[u]) if u in found else {"user_id": u} for u in wanted]


async def base_info_users(edge: Edge, user_ids: Iterable[str]) -> Mapping[str, Json]:
    """The people of ``base_info`` by id; of somebody forgotten the id is left."""
    wanted = [u for u in dict.fromkeys(user_ids) if u]
    found = await edge.platform.people.get(wanted)
    return {u: user_info(found[u]) if u in found else {"user_id": u} for u in wanted}
