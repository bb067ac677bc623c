"""Names are unique: claimed before they are shown, freed after another is shown."""

from __future__ import annotations

import pytest

from commands.users.messages import ChangeUserProfile, NothingToChange, ReleaseUserNames, UserMissing, UserNameTaken
from events.event import Stream
from events.reservations import NameClaimed, NameReleased
from events.users import UserNamesReleased, UserProfileChanged, UserRegistered
from tests.specification import To, given

ADA, BOB = "a" * 32, "b" * 32
REGISTERED = UserRegistered(user_id="10", space_id="20", email_reservation="e" * 32)
RENAME = ChangeUserProfile(user_id="10", fields=("name",), name_reservation=ADA)


def named(name: str) -> UserProfileChanged:
    return UserProfileChanged(user_id="10", fields=("name",), name_reservation=name)


def stream(name: str) -> Stream:
    return Stream("_", "reservations", name, "user_name")


def claimed(name: str, owner: str = "10") -> To:
    return To(stream(name), NameClaimed(reservation=name, owner=owner))


def test_a_new_name_is_claimed_with_the_change() -> None:
    given(REGISTERED).when(RENAME).then(named(ADA), claimed(ADA))


def test_another_s_name_is_refused() -> None:
    given(REGISTERED, claimed(ADA, "9")).when(RENAME).then_refused(UserNameTaken, "name")


def test_the_first_name_of_another_is_refused_and_one_s_own_is_not() -> None:
    first = RENAME.model_copy(update={"first_name_of": "9"})
    given(REGISTERED).when(first).then_refused(UserNameTaken, "name")
    given(REGISTERED).when(first.model_copy(update={"first_name_of": "10"})).then(named(ADA), claimed(ADA))


def test_a_name_that_is_held_already_is_not_claimed_again() -> None:
    given(REGISTERED, named(ADA), claimed(ADA)).when(RENAME).then(named(ADA))


def test_other_fields_claim_nothing() -> None:
    change = ChangeUserProfile(user_id="10", fields=("nick_name", "description"))
    given(REGISTERED).when(change).then(UserProfileChanged(user_id="10", fields=("nick_name", "description")))


def test_nothing_given_is_refused() -> None:
    given(REGISTERED).when(ChangeUserProfile(user_id="10", fields=())).then_refused(NothingToChange, "required")


def test_who_is_not_registered_has_no_profile() -> None:
    given().when(RENAME).then_refused(UserMissing, "user")


def test_names_claimed_before_the_one_that_is_shown_are_freed() -> None:
    shown = ReleaseUserNames(user_id="10", name_reservation=BOB)
    given(REGISTERED, named(ADA), claimed(ADA), named(BOB), claimed(BOB)).when(shown).then(
        UserNamesReleased(user_id="10", name_reservations=(ADA,)),
        To(stream(ADA), NameReleased(reservation=ADA, owner="10")),
    )


@pytest.mark.parametrize("shown", [ADA, "c" * 32])
def test_a_name_claimed_later_is_never_freed(shown: str) -> None:
    release = ReleaseUserNames(user_id="10", name_reservation=shown)
    given(REGISTERED, named(ADA), claimed(ADA), named(BOB), claimed(BOB)).when(release).then()


def test_a_name_taken_up_again_is_the_latest() -> None:
    history = (REGISTERED, named(ADA), claimed(ADA), named(BOB), claimed(BOB), named(ADA))
    given(*history).when(ReleaseUserNames(user_id="10", name_reservation=BOB)).then()
    given(*history).when(ReleaseUserNames(user_id="10", name_reservation=ADA)).then_happened(
        UserNamesReleased, NameReleased
    )
