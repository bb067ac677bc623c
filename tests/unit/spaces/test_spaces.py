"""What the read side tells of spaces and who may enter them."""

from __future__ import annotations

from events.event import Stream
from events.spaces import MemberAdded, SpaceCreated
from projections.spaces.members import MEMBERS, is_member, spaces_of
from projections.spaces.spaces import SPACES, get_space, get_spaces
from tests.projected import Projected


def space(id: str, owner: str) -> tuple[Stream, SpaceCreated, MemberAdded]:
    return (
        Stream("_", "spaces", id),
        SpaceCreated(space_id=id, space_type="personal", owner=owner),
        MemberAdded(space_id=id, user_id=owner, role="owner"),
    )


def test_only_members_may_enter_a_space() -> None:
    members = Projected(MEMBERS).happened(*space("20", "10")).happened(*space("21", "11"))
    assert members.query(is_member, "20", "10")
    assert not members.query(is_member, "20", "11")
    assert not members.query(is_member, "99", "10")


def test_a_user_is_listed_the_spaces_that_they_may_enter_oldest_first() -> None:
    members = Projected(MEMBERS).happened(*space("30", "10")).happened(*space("21", "11")).happened(*space("22", "10"))
    assert members.query(spaces_of, "10", 1, 20) == (["30", "22"], 2)
    assert members.query(spaces_of, "10", 2, 1) == (["22"], 2)
    assert members.query(spaces_of, "12", 1, 20) == ([], 0)


def test_a_member_added_twice_is_a_member_once() -> None:
    stream, *events = space("20", "10")
    again = MemberAdded(space_id="20", user_id="10", role="owner")
    Projected(MEMBERS).happened(stream, *events, again).then_rows({"space_id": "20", "user_id": "10", "role": "owner"})


def test_a_space_shows_its_type_and_owner() -> None:
    spaces = Projected(SPACES).happened(*space("20", "10")).happened(*space("21", "11"))
    found = spaces.query(get_space, "20")
    assert found is not None and (found["space_type"], found["owner"]) == ("personal", "10")
    assert spaces.query(get_space, "99") is None
    assert set(spaces.query(get_spaces, ["20", "21", "99"])) == {"20", "21"}
