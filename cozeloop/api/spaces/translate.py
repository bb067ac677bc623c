"""Between the contract's words for a space and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cozeloop.api.values import milliseconds
from cozeloop.api.wire.foundation import SpaceType
from cozeloop.platform import Person

TYPES = {"personal": SpaceType.Personal, "team": SpaceType.Team, "official": SpaceType.Official}
PERSONAL = "个人空间"


def space(row: Mapping[str, Any], owner: Person | None) -> dict[str, Any]:
    """A space. A personal one is named for its owner when answering: no event holds a person's name."""
    personal = row["space_type"] == "personal"
    nick = owner.nick_name if owner else ""
    return {
        "id": row["space_id"],
        "name": PERSONAL if personal else f"space{row['space_id']}",
        "description": f"{nick}的{PERSONAL}" if personal else "",
        "space_type": int(TYPES.get(row["space_type"], SpaceType.Undefined)),
        "owner_user_id": row["owner"],
        "create_at": milliseconds(row["created_at"]),
        "update_at": milliseconds(row["updated_at"]),
    }
