"""A registration as its decision needs it: who holds the e-mail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from commands.reservations import Held, evolve_held, reservation
from commands.users.messages import RegisterUser
from events.event import GLOBAL_SPACE, Event, Stream
from events.users import UserRegistered

EMAIL = "email"
"""The kind of the reservations that make an e-mail unique in the installation."""


@dataclass(frozen=True)
class User:
    """Whether the user exists, and the e-mails held."""

    exists: bool = False
    held: Held = field(default_factory=dict)


UNKNOWN = User()


def user_stream(user_id: str) -> Stream:
    """The stream of one user."""
    return Stream(GLOBAL_SPACE, "users", user_id)


def space_stream(space_id: str) -> Stream:
    """The stream of the space that comes with the user."""
    return Stream(GLOBAL_SPACE, "spaces", space_id)


def streams(command: RegisterUser, state: User) -> tuple[Stream, ...]:
    """The user's, that of the personal space, and the e-mail's reservation."""
    return (
        user_stream(command.user_id),
        space_stream(command.space_id),
        reservation(GLOBAL_SPACE, EMAIL, command.email_reservation),
    )


def evolve(state: User, event: Event) -> User:
    """Folds a user's history and the e-mail's."""
    if isinstance(event, UserRegistered):
        return replace(state, exists=True)
    return replace(state, held=evolve_held(state.held, event))
