"""The end of a space: its decision, and what becomes of rows in every read model."""

from __future__ import annotations

import pytest

from commands.spaces.messages import DestroySpaceKey, SpaceMissing
from events.event import Stream
from events.spaces import MemberAdded, SpaceCreated, SpaceKeyDestroyed
from projections import READ_MODELS
from projections.projector import ReadModel
from projections.spaces.members import MEMBERS, erased_spaces, is_member, spaces_of, was_member
from tests.projected import Projected
from tests.specification import given

SPACE = Stream("_", "spaces", "20")
CREATED = SpaceCreated(space_id="20", space_type="personal", owner="10")
DESTROYED = SpaceKeyDestroyed(space_id="20")
NO_CONTENT = {"commands", "objects", "users", "tokens", "spaces", "members"}
"""Read models of which no column holds anything that a user typed."""


def test_a_space_ends_once() -> None:
    given(CREATED).when(DestroySpaceKey(space_id="20")).then(DESTROYED)
    given(CREATED, DESTROYED).when(DestroySpaceKey(space_id="20")).then()


def test_a_space_that_never_was_is_refused() -> None:
    given().when(DestroySpaceKey(space_id="20")).then_refused(SpaceMissing)


def test_members_may_no_longer_enter_and_are_known_to_have_been_members() -> None:
    joined = MemberAdded(space_id="20", user_id="10", role="owner")
    members = Projected(MEMBERS).happened(SPACE, CREATED, joined).happened(SPACE, DESTROYED)
    assert not members.query(is_member, "20", "10")
    assert members.query(was_member, "20", "10")
    assert not members.query(was_member, "20", "11")
    assert members.query(spaces_of, "10", 1, 20) == ([], 0)
    assert members.query(erased_spaces) == ["20"]


@pytest.mark.parametrize("model", READ_MODELS, ids=lambda m: m.name)
def test_every_read_model_says_whose_content_it_holds(model: ReadModel) -> None:
    assert (model.of_space is None) == (model.name in NO_CONTENT), "a row that holds content names its space"
    if model.of_space is not None:
        assert model.of_space in model.table("t").columns
