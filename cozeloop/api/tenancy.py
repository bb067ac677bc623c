"""Which space an object lies in, and who may enter it. The space comes from the object, never from a request."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from cozeloop.platform import Platform
from projections.log.objects import space_of
from projections.spaces.members import MEMBERS, is_member, was_member

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 65_536


class Tenancy:
    """Asks the read models, and remembers: for ever what never changes, and until the next event what may."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._spaces: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._members: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def space_of(self, capability: str, id: str) -> str | None:
        """The space of an object, None for one that never was."""
        key = (capability, id)
        if space := self._spaces.get(key):
            self._spaces.move_to_end(key)
            return space
        space = await self._platform.database.read(space_of, capability, id)
        if space:
            remember(self._spaces, key, space)
        return space

    async def is_member(self, space: str, user_id: str) -> bool:
        """Whether the user may enter. A yes holds while the read model of members has not changed."""
        key = (space, user_id)
        position = self._platform.positions.changed(MEMBERS.name)
        if self._members.get(key) == position:
            return True
        if not user_id or not await self._platform.database.read(is_member, space, user_id):
            self._members.pop(key, None)
            return False
        remember(self._members, key, position)
        return True

    async def was_member(self, space: str, user_id: str) -> bool:
        """Whether the user might enter before the space's key was destroyed: who may be told so."""
        return bool(user_id) and await self._platform.database.read(was_member, space, user_id)


def remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    """Keeps the newest `REMEMBERED`."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
