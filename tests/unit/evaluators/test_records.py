"""What the read models hold of a run, and of a judge's step in an experiment."""

from __future__ import annotations

import orjson

from commands.evaluators.run import run_stream
from commands.experiments.experiment import step_stream
from events.evaluators import EvaluatorRan
from events.event import Erased
from projections.evaluators.evaluator_records import EVALUATOR_RECORDS, get_evaluator_records
from projections.experiments.outcomes import OUTCOMES, outcomes_by_record
from tests.projected import Projected
from tests.unit.evaluators.test_judge_decisions import RUN as RAN
from tests.unit.experiments.examples import RUN, SPACE, answered, scored, unscored


def recorded(**changes):
    run = EvaluatorRan(**RAN | changes)
    return Projected(EVALUATOR_RECORDS).happened(run_stream("7", run.record_id), run, actor="42")


def test_a_run_is_a_row_by_its_record_id():
    [row] = recorded().query(get_evaluator_records, ["1", "500"])
    assert (row["space_id"], row["created_by"], row["code"], row["score"]) == ("7", "42", 0, 0.5)
    assert (row["text"], row["asked"]) == ("so", "[]")
    assert orjson.loads(row["input"]) == {"input_fields": {}}
    assert orjson.loads(row["ext"]) == {"who": "me"}


def test_a_run_without_a_score_has_its_error_for_a_text():
    recorded(code=601205015, score=None, reasoning="", message="no verdict").then_rows(
        {"code": 601205015, "score": None, "text": "no verdict"}
    )


def test_of_a_run_whose_spaces_key_is_destroyed_the_numbers_are_left():
    gone = {name: Erased() for name in ("input", "ext", "reasoning", "message", "stdout", "asked")}
    recorded(**gone).then_rows({"input": "{}", "ext": "{}", "text": "", "asked": "", "score": 0.5})


def outcomes(*events):
    world = Projected(OUTCOMES)
    for event in events:
        stream = step_stream(SPACE, RUN, event.item_id, getattr(event, "step", 0))
        world = world.happened(stream, event)
    return world


def test_a_judges_step_keeps_what_was_asked_and_the_tokens():
    judged = {"asked": "[1]", "input_tokens": 5, "output_tokens": 6}
    world = outcomes(scored(0).model_copy(update=judged), unscored(1).model_copy(update=judged))
    assert [(r["asked"], r["input_tokens"], r["output_tokens"]) for r in world.rows()] == [("[1]", 5, 6)] * 2


def test_an_evaluators_step_is_found_by_its_record_id_and_the_targets_is_not():
    world = outcomes(answered(0), scored(0))
    ids = [row["record_id"] for row in world.rows()]
    assert len(set(ids)) == 2
    [row] = world.query(outcomes_by_record, ids)
    assert (row["step"], row["score"]) == (1, 1.0)
