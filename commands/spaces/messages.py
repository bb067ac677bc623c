"""What can be asked of spaces, and the rules that may say no."""

from __future__ import annotations

from commands.command import Command, Refusal


class DestroySpaceKey(Command):
    """The space's content is erased: its key is gone already when this is decided."""

    space_id: str


class SpaceMissing(Refusal):
    """No space has this id."""
