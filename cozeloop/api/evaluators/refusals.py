"""The contract's codes for what an evaluator's rules refuse (behaviour.md §6.7)."""

from __future__ import annotations

from commands.command import Refusal
from commands.evaluators import messages as rules

INVALID_PARAM = 601200202
EVALUATOR_MISSING = 601205009
VERSION_MISSING = 601205013

CODES: dict[type[Refusal], tuple[int, str]] = {
    rules.EvaluatorTypeUnsupported: (INVALID_PARAM, "invalid param"),
    rules.EvaluatorTypeChanged: (INVALID_PARAM, "invalid param"),
    rules.EvaluatorContentMissing: (INVALID_PARAM, "invalid param"),
    rules.EvaluatorNameInvalid: (INVALID_PARAM, "invalid param"),
    rules.EvaluatorToolInvalid: (INVALID_PARAM, "invalid param"),
    rules.EvaluatorRunRepeated: (601205002, "the run is recorded already"),
    rules.EvaluatorInputSchemaInvalid: (601205004, "evaluator input schema is not valid"),
    rules.EvaluatorMessagesMissing: (601205006, "evaluator messages are required"),
    rules.EvaluatorModelMissing: (601205007, "evaluator model is required"),
    rules.EvaluatorMissing: (EVALUATOR_MISSING, "evaluator not found"),
    rules.EvaluatorNameTaken: (601205011, "evaluator name already exists"),
    rules.EvaluatorVersionTaken: (601205012, "evaluator version already exists"),
    rules.EvaluatorNameTooLong: (601205016, "evaluator name is too long"),
    rules.EvaluatorDescriptionTooLong: (601205017, "evaluator description is too long"),
    rules.EvaluatorVersionTooLong: (601205018, "evaluator version is too long"),
    rules.EvaluatorVersionDescriptionTooLong: (601205019, "evaluator version description is too long"),
    rules.EvaluatorVersionMalformed: (601205020, "evaluator version is not a semantic version"),
    rules.EvaluatorCodeEmpty: (601205030, "evaluator code is empty"),
    rules.EvaluatorLanguageUnsupported: (601205031, "evaluator language is not supported"),
}
"""Refusal -> code and base message."""
