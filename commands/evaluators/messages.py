"""What can be asked of an evaluator, and the rules that may say no."""

from __future__ import annotations

from typing import Any

from commands.command import Command, Refusal

NAME_LIMIT = 50
DESCRIPTION_LIMIT = 200
VERSION_LIMIT = 50
VERSION_DESCRIPTION_LIMIT = 200
FIRST_VERSION = "0.0.1"


class CreateEvaluator(Command):
    """A new evaluator with its first version, whose content is draft revision ``draft_revision``."""

    space_id: str
    evaluator_id: str
    version_id: str
    evaluator_type: int
    name: str
    description: str = ""
    name_reservation: str
    version: str = FIRST_VERSION
    version_description: str = ""
    content: dict[str, Any]
    digest: str
    draft_revision: int


class RenameEvaluator(Command):
    """Another name or description; what is None stays. ``name_reservation`` belongs to the name."""

    space_id: str
    evaluator_id: str
    name: str | None = None
    name_reservation: str = ""
    description: str | None = None


class SubmitEvaluatorVersion(Command):
    """The space's draft as a version; the content is None when there is none."""

    space_id: str
    evaluator_id: str
    version_id: str
    version: str
    description: str = ""
    content: dict[str, Any] | None = None
    digest: str = ""
    draft_revision: int = 0


class DeleteEvaluator(Command):
    """The evaluator goes, its name is free again."""

    space_id: str
    evaluator_id: str


class RecordEvaluatorRun(Command):
    """What a version made of one input; the run is over. Fields as in `EvaluatorRan`."""

    space_id: str
    record_id: str
    evaluator_id: str
    evaluator_version_id: str
    experiment_id: str = ""
    run_id: str = ""
    item_id: str = ""
    turn_id: str = ""
    input: dict[str, Any]
    ext: dict[str, str]
    code: int = 0
    score: float | None = None
    reasoning: str = ""
    message: str = ""
    stdout: str = ""
    asked: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0


class EvaluatorMissing(Refusal):
    """There is no such evaluator."""


class EvaluatorNameTaken(Refusal):
    """Another evaluator of the space has the name."""


class EvaluatorNameInvalid(Refusal):
    """The name is missing."""


class EvaluatorNameTooLong(Refusal):
    """The name is longer than its limit."""


class EvaluatorDescriptionTooLong(Refusal):
    """The description is longer than its limit."""


class EvaluatorVersionTooLong(Refusal):
    """The version is longer than its limit."""


class EvaluatorVersionMalformed(Refusal):
    """The version is not a semantic version."""


class EvaluatorVersionDescriptionTooLong(Refusal):
    """The version's description is longer than its limit."""


class EvaluatorVersionTaken(Refusal):
    """The evaluator has a version of this name."""


class EvaluatorTypeUnsupported(Refusal):
    """Evaluators of this type cannot be run here."""


class EvaluatorTypeChanged(Refusal):
    """A draft cannot turn an evaluator into one of another type."""


class EvaluatorContentMissing(Refusal):
    """The content has not the part that the type needs."""


class EvaluatorCodeEmpty(Refusal):
    """There is no code."""


class EvaluatorLanguageUnsupported(Refusal):
    """Code in this language cannot be run here."""


class EvaluatorMessagesMissing(Refusal):
    """A prompt evaluator has no message with something in it."""


class EvaluatorModelMissing(Refusal):
    """A prompt evaluator names no model."""


class EvaluatorInputSchemaInvalid(Refusal):
    """An input's JSON schema is none."""


class EvaluatorToolInvalid(Refusal):
    """The function that a judge is to call, or the scores that it may give, make no sense."""


class EvaluatorRunRepeated(Refusal):
    """The record of a run stands."""
