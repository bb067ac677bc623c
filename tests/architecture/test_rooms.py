from pathlib import Path

import pytest

from tests.architecture.rooms import CAPABILITIES, ROOMS, SHARED

ROOT = Path(__file__).parents[2]
PLACES = {
    "events": ROOT / "events",
    "commands": ROOT / "commands",
    "projections": ROOT / "projections",
    "api": ROOT / "cozeloop" / "api",
    "workflows": ROOT / "cozeloop" / "workflows",
    "work": ROOT / "cozeloop" / "work",
    "subscribers": ROOT / "cozeloop" / "subscribers",
}
FOLDERS_ONLY = {"api"}
"""Modules beside the capability folders there are the edge itself."""


def names_in(room: str) -> set[str]:
    found = set()
    for path in PLACES[room].iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            found.add(path.name)
        elif path.suffix == ".py" and path.stem != "__init__" and room not in FOLDERS_ONLY:
            found.add(path.stem)
    return found - SHARED[room]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_belongs_to_a_declared_capability(room):
    assert names_in(room) <= set(CAPABILITIES), "declare it in tests/architecture/rooms.py"


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("room", ROOMS)
def test_a_missing_room_has_its_reason_and_a_reason_has_no_room(capability, room):
    there = capability in names_in(room)
    reason = CAPABILITIES[capability].missing.get(room)
    assert there != bool(reason), f"{capability} in {room}: " + ("remove the reason" if there else "no room, no reason")
