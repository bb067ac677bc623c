"""What happens to prompts: they are created, renamed, committed version by version, and deleted.

A draft is working state and never an event; what a commit took from it lies in the commit, whole.
"""

from __future__ import annotations

from typing import Any

from events.event import Event, Sealed


class PromptCreated(Event):
    """A prompt exists under a key that is unique in its space; ``key_reservation`` is the key's keyed digest."""

    prompt_id: str
    prompt_key: Sealed[str]
    name: Sealed[str]
    description: Sealed[str]
    prompt_type: str
    security_level: str
    key_reservation: str


class PromptRenamed(Event):
    """Name and description read so from now on."""

    prompt_id: str
    name: Sealed[str]
    description: Sealed[str]


class PromptSecurityLevelChanged(Event):
    """The prompt's security level (``L1`` to ``L4``) is this from now on."""

    prompt_id: str
    security_level: str


class PromptCommitted(Event):
    """A version stands for ever: the whole detail, the version it was edited from, and the draft that it took.

    ``draft_revision`` is that of ``committed_by``'s draft; a draft of theirs at or below it is settled. ``digest``
    is a keyed digest of the detail's canonical JSON, by which an experiment pins the content.
    """

    prompt_id: str
    version: str
    base_version: str
    description: Sealed[str]
    detail: Sealed[dict[str, Any]]
    digest: str
    draft_revision: int
    committed_by: str


class PromptDeleted(Event):
    """The prompt is gone from its space; its committed versions stay readable to what pinned them."""

    prompt_id: str
