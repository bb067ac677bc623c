"""What a registration leads to, or the rule that refuses it."""

from __future__ import annotations

from collections.abc import Sequence

from commands.command import Context, To
from commands.reservations import claim
from commands.users.messages import EmailTaken, RegisterUser, RegistrationBlocked
from commands.users.user import EMAIL, User, space_stream
from events.event import GLOBAL_SPACE, Event
from events.spaces import MemberAdded, SpaceCreated
from events.users import UserRegistered


def decide(state: User, command: RegisterUser, context: Context) -> Sequence[Event | To]:
    """The user, the personal space with its owner as member, and the claim of the e-mail, all or none."""
    if not command.admitted:
        raise RegistrationBlocked("registration is closed")
    if state.exists or command.email_reservation in state.held:
        raise EmailTaken("email is registered")
    space = space_stream(command.space_id)
    return (
        UserRegistered(user_id=command.user_id, space_id=command.space_id, email_reservation=command.email_reservation),
        To(space, SpaceCreated(space_id=command.space_id, space_type="personal", owner=command.user_id)),
        To(space, MemberAdded(space_id=command.space_id, user_id=command.user_id, role="owner")),
        claim(GLOBAL_SPACE, EMAIL, command.email_reservation, command.user_id),
    )
