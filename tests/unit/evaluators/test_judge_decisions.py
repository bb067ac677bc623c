"""Which judges may stand as a version, and how a run is recorded."""

from __future__ import annotations

import pytest

from commands.evaluators.messages import (
    CreateEvaluator,
    EvaluatorInputSchemaInvalid,
    EvaluatorMessagesMissing,
    EvaluatorModelMissing,
    EvaluatorRunRepeated,
    EvaluatorToolInvalid,
    RecordEvaluatorRun,
)
from commands.evaluators.scale import Scale, scale_of
from commands.reservations import claim
from events.evaluators import EvaluatorCreated, EvaluatorRan, EvaluatorVersionSubmitted
from tests.specification import given
from tests.unit.evaluators.judges import judge_content, message, tool

SPACE, NAME = "70", "ab" * 16
RUN = {
    "record_id": "500",
    "evaluator_id": "100",
    "evaluator_version_id": "900",
    "experiment_id": "",
    "run_id": "",
    "item_id": "",
    "turn_id": "",
    "input": {"input_fields": {}},
    "ext": {"who": "me"},
    "code": 0,
    "score": 0.5,
    "reasoning": "so",
    "message": "",
    "stdout": "",
    "asked": "[]",
    "input_tokens": 3,
    "output_tokens": 4,
    "duration_ms": 5,
}


def create(content):
    return CreateEvaluator(
        space_id=SPACE,
        evaluator_id="100",
        version_id="900",
        evaluator_type=1,
        name="Judge",
        name_reservation=NAME,
        content=content,
        digest="d",
        draft_revision=1,
    )


def test_a_judge_is_created_with_its_first_version():
    content = judge_content()
    given().when(create(content)).then(
        EvaluatorCreated(evaluator_id="100", evaluator_type=1, name="Judge", description="", name_reservation=NAME),
        EvaluatorVersionSubmitted(
            evaluator_id="100",
            version_id="900",
            version="0.0.1",
            description="",
            content=content,
            digest="d",
            draft_revision=1,
        ),
        claim(SPACE, "evaluator_name", NAME, "100"),
    )


@pytest.mark.parametrize(
    ("content", "rule", "naming"),
    [
        ({"prompt_evaluator": {"model_config": {"model_id": "1"}}}, EvaluatorMessagesMissing, "message_list"),
        (judge_content(message(1, "")), EvaluatorMessagesMissing, "message_list"),
        (judge_content({"role": 1}), EvaluatorMessagesMissing, "message_list"),
        (judge_content(model_id="0"), EvaluatorModelMissing, "model_id"),
        (judge_content(model_id=""), EvaluatorModelMissing, "model_id"),
        (judge_content(input_schemas=[{"json_schema": "{}"}]), EvaluatorInputSchemaInvalid, "key"),
        (judge_content(input_schemas=[{"key": "a", "json_schema": "{"}]), EvaluatorInputSchemaInvalid, "a"),
        (judge_content(tools=[tool(), tool()]), EvaluatorToolInvalid, "one function"),
        (judge_content(tools=[tool("two words")]), EvaluatorToolInvalid, "name"),
        (judge_content(tools=[{"type": 2}]), EvaluatorToolInvalid, "type 1"),
        (judge_content(tools=[tool(minimum=2, maximum=1)]), EvaluatorToolInvalid, "larger"),
        (judge_content(tools=[tool(enum=["good"])]), EvaluatorToolInvalid, "good"),
        (judge_content(tools=[{"function": {"name": "eval", "parameters": "[]"}}]), EvaluatorToolInvalid, "JSON"),
        (
            judge_content(tools=[{"function": {"name": "eval", "parameters": '{"properties": {}}'}}]),
            EvaluatorToolInvalid,
            "score",
        ),
        (judge_content(output_schemas=[{"key": "score", "json_schema": "no"}]), EvaluatorToolInvalid, "output_schemas"),
    ],
)
def test_a_judge_that_could_not_judge_is_refused_by_name(content, rule, naming):
    given().when(create(content)).then_refused(rule, naming)


def test_the_scale_is_the_functions_else_that_of_the_output_schemas_else_from_0_to_1():
    schemas = [{"key": "score", "json_schema": '{"type":"number","minimum":-1,"maximum":1}'}]
    assert scale_of(judge_content()) == Scale(0, 1)
    assert scale_of(judge_content(tools=[tool()])) == Scale(0, 1)
    assert scale_of(judge_content(output_schemas=schemas)) == Scale(-1, 1)
    assert scale_of(judge_content(tools=[tool(minimum=1, maximum=5)], output_schemas=schemas)) == Scale(1, 5)
    assert scale_of(judge_content(tools=[tool(enum=[0, 0.5, 1])])) == Scale(0, 1, (0, 0.5, 1))


def test_a_score_outside_of_its_scale_is_told_so():
    assert Scale(0, 1).wrong(1.0) == Scale(0, 1).wrong(0) == ""
    assert Scale(0, 1).wrong(1.01) == "score 1.01 is not within 0 to 1"
    assert Scale(0, 1, (0, 1)).wrong(0.5) == "score 0.5 is not one of 0, 1"


def test_a_run_is_recorded_once():
    command = RecordEvaluatorRun(space_id=SPACE, **RUN)
    given().when(command).then(EvaluatorRan(**RUN))
    given(EvaluatorRan(**RUN)).when(command).then_refused(EvaluatorRunRepeated, "500")
