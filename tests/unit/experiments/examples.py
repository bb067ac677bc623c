"""Canonical messages of experiments, for every specification of them."""

from commands.command import To
from commands.experiments.messages import SubmitExperiment
from commands.reservations import claim
from events.event import Stream
from events.experiments import (
    EvaluatorFailed,
    EvaluatorPin,
    EvaluatorScored,
    ExperimentSubmitted,
    FieldMapping,
    Pin,
    TargetAnswered,
    TargetFailed,
)

SPACE, EXPERIMENT, RUN, NAME = "11", "500", "600", "ab" * 16
STREAM = Stream(SPACE, "experiments", EXPERIMENT)
CODE = EvaluatorPin(id="400", version_id="410", version="0.0.1", digest="e" * 32)
PROMPT = Pin(id="300", version="0.0.2", digest="d" * 32)
SET = Pin(id="200", version_id="210", version="0.0.1", revision=3, digest="c" * 64)
CLAIM: To = claim(SPACE, "experiment_name", NAME, EXPERIMENT)


def submit(**changed: object) -> SubmitExperiment:
    values: dict[str, object] = {
        "space_id": SPACE,
        "experiment_id": EXPERIMENT,
        "run_id": RUN,
        "name": "first-try",
        "description": "",
        "name_reservation": NAME,
        "dataset": SET,
        "item_count": 3,
        "columns": ("input", "reference_output"),
        "prompt": None,
        "target_id": "",
        "target_version_id": "",
        "target_mapping": (),
        "runtime_parameters": "",
        "evaluators": (CODE,),
        "concurrency": 3,
    }
    return SubmitExperiment.model_validate(values | changed)


def submitted(**changed: object) -> ExperimentSubmitted:
    command = submit(**changed)
    return ExperimentSubmitted(
        **{k: v for k, v in command if k in ExperimentSubmitted.model_fields},
        evaluator_version_ids=tuple(e.version_id for e in command.evaluators),
    )


def about(index: int) -> dict[str, object]:
    return {"experiment_id": EXPERIMENT, "run_id": RUN, "item_id": str(1000 + index), "item_index": index}


def answered(index: int) -> TargetAnswered:
    return TargetAnswered(**about(index), output="yes", input_tokens=5, output_tokens=1, duration_ms=7)


def unanswered(index: int) -> TargetFailed:
    return TargetFailed(**about(index), code=601505009, message="no", duration_ms=7)


def scored(index: int, score: float = 1.0, step: int = 1) -> EvaluatorScored:
    return EvaluatorScored(
        **about(index), step=step, evaluator_version_id="410", score=score, reasoning="so", stdout="", duration_ms=1
    )


def unscored(index: int, step: int = 1) -> EvaluatorFailed:
    return EvaluatorFailed(
        **about(index),
        step=step,
        evaluator_version_id="410",
        code=601205032,
        message="boom",
        stdout="",
        duration_ms=1,
    )


FROM_MISSING = FieldMapping(field="input", from_column="no_such_column")
