"""What happens to spaces: they are created and have members. A personal space's name is put in when answering."""

from __future__ import annotations

from events.event import Event


class SpaceCreated(Event):
    """A space exists. ``space_type`` is ``personal`` or ``team``; the owner is a member by an event of its own."""

    space_id: str
    space_type: str
    owner: str


class MemberAdded(Event):
    """The user may enter the space from now on. ``role`` is ``owner``."""

    space_id: str
    user_id: str
    role: str


class SpaceKeyDestroyed(Event):
    """The space's data key is gone for ever: whatever was sealed under it opens to `Erased`, for everybody."""

    space_id: str
