"""A user's profile as its decisions need it: which names the user holds.

A name is shown by the vault and held by the log. A new one is claimed, then written to the vault, and only then are the
older ones freed: whatever ends between the steps, nobody else can have a name that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from commands.command import Context, To
from commands.reservations import Held, claim, evolve_held, release, reservation
from commands.users.messages import ChangeUserProfile, NothingToChange, ReleaseUserNames, UserMissing, UserNameTaken
from commands.users.user import user_stream
from events.event import GLOBAL_SPACE, Event, Stream
from events.users import UserNamesReleased, UserProfileChanged, UserRegistered

NAME = "user_name"
"""The kind of the reservations that make a user's name unique in the installation."""


@dataclass(frozen=True)
class Profile:
    """Whether the user exists, the names held in the order of their claims, and who holds the names looked at."""

    exists: bool = False
    names: tuple[str, ...] = ()
    held: Held = field(default_factory=dict)


NOBODY = Profile()


def change_streams(command: ChangeUserProfile, state: Profile) -> tuple[Stream, ...]:
    """The user's, and the name's when there is one."""
    names = (command.name_reservation,) if command.name_reservation else ()
    return (user_stream(command.user_id), *(reservation(GLOBAL_SPACE, NAME, name) for name in names))


def release_streams(command: ReleaseUserNames, state: Profile) -> tuple[Stream, ...]:
    """The user's, and those of the names that are freed."""
    older = _older(state, command.name_reservation)
    return (user_stream(command.user_id), *(reservation(GLOBAL_SPACE, NAME, name) for name in older))


def evolve(state: Profile, event: Event) -> Profile:
    """Folds a user's history and the names'."""
    if isinstance(event, UserRegistered):
        return replace(state, exists=True)
    if isinstance(event, UserProfileChanged):
        if not event.name_reservation:
            return state
        others = tuple(name for name in state.names if name != event.name_reservation)
        return replace(state, names=(*others, event.name_reservation))
    if isinstance(event, UserNamesReleased):
        return replace(state, names=tuple(name for name in state.names if name not in event.name_reservations))
    return replace(state, held=evolve_held(state.held, event))


def decide_change(state: Profile, command: ChangeUserProfile, context: Context) -> Sequence[Event | To]:
    """The change, with the claim of a name that the user does not hold yet."""
    if not state.exists:
        raise UserMissing("user is not registered")
    if not command.fields:
        raise NothingToChange("name, nick_name, description or avatar_uri is required")
    name = command.name_reservation
    holder = state.held.get(name) if name else None
    if name and not {holder or "", command.first_name_of} <= {"", command.user_id}:
        raise UserNameTaken("name is another user's")
    changed = UserProfileChanged(user_id=command.user_id, fields=command.fields, name_reservation=name)
    if not name or holder:
        return (changed,)
    return (changed, claim(GLOBAL_SPACE, NAME, name, command.user_id))


def decide_release(state: Profile, command: ReleaseUserNames, context: Context) -> Sequence[Event | To]:
    """Frees what was claimed earlier; nothing when there is nothing."""
    older = _older(state, command.name_reservation)
    if not older:
        return ()
    released = UserNamesReleased(user_id=command.user_id, name_reservations=older)
    return (released, *(release(GLOBAL_SPACE, NAME, name, command.user_id) for name in older))


def _older(state: Profile, name: str) -> tuple[str, ...]:
    return state.names[: state.names.index(name)] if name in state.names else ()
