"""What happens to evaluators: they are created, renamed, submitted version by version, and deleted.

The draft that a space shares is working state and never an event; a submitted version carries its content whole.
A run of a version outside of an experiment is the only event of ``<space>.evaluators.run.<record id>``.
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


class EvaluatorRan(Event):
    """Somebody had a version evaluate one input; ``code`` 0 = it gave a score, else ``message`` says why it did not.

    ``experiment_id``, ``run_id``, ``item_id`` and ``turn_id`` are what the caller said that it belongs to, unchecked.
    ``asked`` is a judge's rendered prompt, the JSON of the model call's messages; empty for code.
    """

    record_id: str
    evaluator_id: str
    evaluator_version_id: str
    experiment_id: str
    run_id: str
    item_id: str
    turn_id: str
    input: Sealed[dict[str, Any]]
    ext: Sealed[dict[str, str]]
    code: int
    score: float | None
    reasoning: Sealed[str]
    message: Sealed[str]
    stdout: Sealed[str]
    asked: Sealed[str]
    input_tokens: int
    output_tokens: int
    duration_ms: int
