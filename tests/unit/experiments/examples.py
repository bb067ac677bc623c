"""Canonical messages of experiments, for every specification of them."""

from commands.command import To
from commands.experiments.messages import SubmitExperiment
from commands.reservations import claim
from events.event import Stream
from events.experiments import (
    EvaluatorFailed,
    EvaluatorPin,
    EvaluatorScored,
    ExperimentRetried,
    ExperimentSubmitted,
    FieldMapping,
    Pin,
    RunCompleted,
    RunTerminated,
    TargetAnswered,
    TargetFailed,
)
from tests.specification import NOW

SPACE, EXPERIMENT, RUN, NAME = "11", "500", "600", "ab" * 16
NOW_MS = int(NOW.timestamp() * 1000)
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
    life = command.longest_life_ms
    return ExperimentSubmitted(
        **{k: v for k, v in command if k in ExperimentSubmitted.model_fields},
        evaluator_version_ids=tuple(e.version_id for e in command.evaluators),
        deadline=NOW_MS + life if life else 0,
    )


def retried(number: int = 2, mode: str = "all", items: str = "7", deadline: int = 0) -> ExperimentRetried:
    """The experiment's run of this number, over its three items."""
    return ExperimentRetried(
        experiment_id=EXPERIMENT, run_id=run_of(number), number=number, mode=mode, items=items, deadline=deadline
    )


def run_of(number: int) -> str:
    """The id of the experiment's run of this number."""
    return str(int(RUN) + number - 1)


def about(index: int, run: int = 1) -> dict[str, object]:
    return {"experiment_id": EXPERIMENT, "run_id": run_of(run), "item_id": str(1000 + index), "item_index": index}


def answered(index: int, run: int = 1) -> TargetAnswered:
    return TargetAnswered(**about(index, run), output="yes", input_tokens=5, output_tokens=1, duration_ms=7)


def unanswered(index: int, run: int = 1) -> TargetFailed:
    return TargetFailed(**about(index, run), code=601505009, message="no", duration_ms=7)


def scored(index: int, score: float = 1.0, step: int = 1, run: int = 1) -> EvaluatorScored:
    return EvaluatorScored(
        **about(index, run),
        step=step,
        evaluator_version_id="410",
        score=score,
        reasoning="so",
        stdout="",
        duration_ms=1,
    )


def unscored(index: int, step: int = 1, run: int = 1) -> EvaluatorFailed:
    return EvaluatorFailed(
        **about(index, run),
        step=step,
        evaluator_version_id="410",
        code=601205032,
        message="boom",
        stdout="",
        duration_ms=1,
    )


def completed(run: int = 1, succeeded: int = 3, failed: int = 0, still_running: int = 0) -> RunCompleted:
    counts = {"succeeded": succeeded, "failed": failed, "still_running": still_running}
    return RunCompleted(experiment_id=EXPERIMENT, run_id=run_of(run), **counts)


def terminated(run: int = 1, still_running: int = 0) -> RunTerminated:
    return RunTerminated(experiment_id=EXPERIMENT, run_id=run_of(run), still_running=still_running)


FROM_MISSING = FieldMapping(field="input", from_column="no_such_column")
