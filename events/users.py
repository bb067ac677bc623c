"""What happens to users. Who they are (e-mail, names, password) lies in the vault alone."""

from __future__ import annotations

from events.event import Event


class UserRegistered(Event):
    """A user exists, with a personal space; ``email_reservation`` is the e-mail's digest under the installation key."""

    user_id: str
    space_id: str
    email_reservation: str


class UserProfileChanged(Event):
    """Parts of a profile are others now; ``fields`` names them, their values lie in the vault alone.

    ``name_reservation`` is the digest of a name that the user holds from now on, "" when the name is not among them.
    """

    user_id: str
    fields: tuple[str, ...]
    name_reservation: str = ""


class UserNamesReleased(Event):
    """Names that the user no longer shows are free for others."""

    user_id: str
    name_reservations: tuple[str, ...]
