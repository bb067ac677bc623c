"""What happens to users. Who they are (e-mail, names, password) lies in the vault alone."""

from __future__ import annotations

from events.event import Event


class UserRegistered(Event):
    """A user exists, with a personal space; ``email_reservation`` is the e-mail's digest under the installation key."""

    user_id: str
    space_id: str
    email_reservation: str
