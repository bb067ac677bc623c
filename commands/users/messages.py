"""What can be asked of users, and the rules that may say no. Nothing personal is in a command."""

from __future__ import annotations

from commands.command import Command, Refusal


class RegisterUser(Command):
    """A new user with a personal space. ``admitted``: the installation lets this e-mail register."""

    user_id: str
    space_id: str
    email_reservation: str
    admitted: bool = True


class ChangeUserProfile(Command):
    """Other values for ``fields``, which lie in the vault. ``name_reservation``: the name's digest, when it is changed.

    ``first_name_of``: the user whom the name was given at registration, if it is one of those.
    """

    user_id: str
    fields: tuple[str, ...]
    name_reservation: str = ""
    first_name_of: str = ""


class ReleaseUserNames(Command):
    """Frees the names that were claimed before this one, which the vault shows now."""

    user_id: str
    name_reservation: str


class UserMissing(Refusal):
    """Nobody has registered under this id."""


class UserNameTaken(Refusal):
    """Another user holds this name."""


class NothingToChange(Refusal):
    """No field was given."""


class EmailTaken(Refusal):
    """Somebody registered with this e-mail."""


class RegistrationBlocked(Refusal):
    """The installation takes no new users, or not this one."""
