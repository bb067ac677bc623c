"""What registering leads to."""

from __future__ import annotations

from commands.users.messages import EmailTaken, RegisterUser, RegistrationBlocked
from events.event import Stream
from events.reservations import NameClaimed
from events.spaces import MemberAdded, SpaceCreated
from events.users import UserRegistered
from projections.users.users import USERS, known_users, user_of_email
from tests.projected import Projected
from tests.specification import To, given

EMAIL = "0123456789abcdef0123456789abcdef"
SPACE = Stream("_", "spaces", "20")
RESERVATION = Stream("_", "reservations", EMAIL, "email")
REGISTER = RegisterUser(user_id="10", space_id="20", email_reservation=EMAIL)
REGISTERED = UserRegistered(user_id="10", space_id="20", email_reservation=EMAIL)


def test_registering_creates_user_and_personal_space_and_claims_the_email_at_once() -> None:
    given().when(REGISTER).then(
        REGISTERED,
        To(SPACE, SpaceCreated(space_id="20", space_type="personal", owner="10")),
        To(SPACE, MemberAdded(space_id="20", user_id="10", role="owner")),
        To(RESERVATION, NameClaimed(reservation=EMAIL, owner="10")),
    )


def test_an_email_registers_once() -> None:
    given(To(RESERVATION, NameClaimed(reservation=EMAIL, owner="9"))).when(REGISTER).then_refused(EmailTaken, "email")


def test_another_email_does_not_stand_in_the_way() -> None:
    other = To(RESERVATION, NameClaimed(reservation="f" * 32, owner="9"))
    given(other).when(REGISTER).then_happened(UserRegistered, SpaceCreated, MemberAdded, NameClaimed)


def test_a_closed_installation_takes_no_new_user() -> None:
    given().when(REGISTER.model_copy(update={"admitted": False})).then_refused(RegistrationBlocked)


def test_a_registered_user_is_found_by_the_digest_of_the_email() -> None:
    users = Projected(USERS).happened(Stream("_", "users", "10"), REGISTERED)
    users.then_rows({"user_id": "10", "space_id": "20", "email_reservation": EMAIL})
    assert users.query(user_of_email, EMAIL) == "10"
    assert users.query(user_of_email, "f" * 32) is None
    assert users.query(known_users, ["9", "10"]) == {"10"}
