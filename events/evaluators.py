"""What happens to evaluators: they are created, renamed, submitted version by version, and deleted.

The draft that a space shares is working state and never an event; a submitted version carries its content whole.
"""

from __future__ import annotations

from typing import Any

from events.event import Event, Sealed


class EvaluatorCreated(Event):
    """An evaluator exists under a name that is unique in its space; ``name_reservation`` is the name's keyed digest.

    ``evaluator_type`` is the contract's number: 1 prompt, 2 code.
    """

    evaluator_id: str
    evaluator_type: int
    name: Sealed[str]
    description: Sealed[str]
    name_reservation: str


class EvaluatorRenamed(Event):
    """Name and description read so from now on."""

    evaluator_id: str
    name: Sealed[str]
    description: Sealed[str]
    name_reservation: str


class EvaluatorVersionSubmitted(Event):
    """A version stands for ever, under an id of its own, with the content of the draft revision that it took.

    ``digest`` is a keyed digest of the content's canonical JSON, by which an experiment pins it.
    """

    evaluator_id: str
    version_id: str
    version: str
    description: Sealed[str]
    content: Sealed[dict[str, Any]]
    digest: str
    draft_revision: int


class EvaluatorDeleted(Event):
    """The evaluator is gone from its space; its versions stay readable to what pinned them."""

    evaluator_id: str
