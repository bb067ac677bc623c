"""What can be asked of users, and the rules that may say no. Nothing personal is in a command."""

from __future__ import annotations

from commands.command import Command, Refusal


class RegisterUser(Command):
    """A new user with a personal space. ``admitted``: the installation lets this e-mail register."""

    user_id: str
    space_id: str
    email_reservation: str
    admitted: bool = True


class EmailTaken(Refusal):
    """Somebody registered with this e-mail."""


class RegistrationBlocked(Refusal):
    """The installation takes no new users, or not this one."""
