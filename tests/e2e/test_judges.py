"""Prompt evaluators on a running platform. The model repeats its last message: each row holds the judge's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.laboratory import BROKEN, DONE, ECHO, EXACT, FAILED, Laboratory
from tests.e2e.models import Endpoint
from tests.unit.evaluators.judges import judge_content, message

OUTPUT_INVALID = 601205015


def said(score: object, reason: str = "so it is") -> str:
    return json.dumps({"score": score, "reason": reason})


@pytest.fixture(scope="module")
def lab(platform_url: str) -> Laboratory:
    return Laboratory(platform_url)


@pytest.fixture(scope="module")
def judge(lab: Laboratory) -> str:
    return lab.judge(judge_content(model_id=ECHO))


def records(item: Any) -> list[dict[str, Any]]:
    return list(item.payload["evaluator_output"]["evaluator_records"].values())


class TestExperiments:
    def test_a_judge_scores_each_row_with_a_reason_and_its_tokens(self, lab: Laboratory, judge: str) -> None:
        rows = lab.rows([said(0.25, "a quarter"), f"Well, {said('1')}"])
        experiment = lab.run(lab.asked(rows, [judge]))
        items = lab.items(experiment)
        assert [(i.state, i.scores) for i in items] == [(DONE, [0.25]), (DONE, [1.0])]
        [output] = [r["evaluator_output_data"] for r in records(items[0])]
        assert output["evaluator_result"] == {"score": 0.25, "reasoning": "a quarter"}
        assert output["evaluator_usage"] == {"input_tokens": "7", "output_tokens": "5"}
        assert lab.score(experiment)[1] == 0.625

    def test_code_and_judge_stand_side_by_side(self, lab: Laboratory, judge: str, models: Endpoint) -> None:
        before = models.calls["echo"]
        code = lab.evaluator(EXACT)
        experiment = lab.run(lab.asked(lab.rows([said(0.5)]), [code, judge], lab.prompt(ECHO)))
        [item] = lab.items(experiment)
        scores = {r["evaluator_version_id"]: r["evaluator_output_data"]["evaluator_result"] for r in records(item)}
        assert (scores[code]["score"], scores[judge]["score"]) == (1.0, 0.5)
        assert models.calls["echo"] == before + 2, "one of the target, one of the judge"
        spent = lab.shown(experiment)["expt_stats"]["token_usage"]
        assert spent["input_tokens"] == "14", "the target's and the judge's"

    def test_a_score_outside_of_the_scale_and_an_answer_that_is_none_fail_their_items_alone(
        self, lab: Laboratory, judge: str
    ) -> None:
        items = lab.items(lab.run(lab.asked(lab.rows([said(7), "no idea", said(1)]), [judge])))
        assert [i.state for i in items] == [FAILED, FAILED, DONE]
        assert items[0].errors == ["score 7 is not within 0 to 1: so it is"]
        [failed] = records(items[1])
        assert failed["evaluator_output_data"]["evaluator_run_error"]["code"] == OUTPUT_INVALID

    def test_a_model_that_refuses_is_the_items_error(self, lab: Laboratory) -> None:
        broken = lab.judge(judge_content(model_id=BROKEN))
        [item] = lab.items(lab.run(lab.asked(lab.rows(["x"]), [broken])))
        assert item.state == FAILED
        assert "this model is broken" in item.errors[0]

    def test_a_judge_reads_what_is_mapped_to_its_inputs_and_a_rows_tags_stay_text(self, lab: Laboratory) -> None:
        content = judge_content(message(1, "Judge."), message(2, '{"score": 1, "reason": "{{said}}|{{got}}"}'))
        judge = lab.judge(content)
        mapping = {
            "evaluator_version_id": judge,
            "from_eval_set": [{"field_name": "said", "from_field_name": "reference_output"}],
            "from_target": [{"field_name": "got", "from_field_name": "actual_output"}],
        }
        rows = lab.rows(["{{got}}{{input}}"])
        body = lab.asked(rows, [judge], lab.prompt(ECHO), evaluator_field_mapping=[mapping])
        [item] = lab.items(lab.run(body))
        [record] = records(item)
        reasoning = record["evaluator_output_data"]["evaluator_result"]["reasoning"]
        assert reasoning == "{{got}}{{input}}|{{got}}{{input}}"

    def test_an_input_that_breaks_its_schema_is_the_items_error(self, lab: Laboratory) -> None:
        schema = {"key": "input", "support_content_types": ["Text"], "json_schema": '{"type": "object"}'}
        judge = lab.judge(judge_content(model_id=ECHO, input_schemas=[schema]))
        items = lab.items(lab.run(lab.asked(lab.rows([said(1), "five"]), [judge])))
        assert [i.state for i in items] == [DONE, FAILED]
        assert "input" in items[1].errors[0]


def test_a_judge_is_edited_submitted_and_read_by_version(lab: Laboratory, judge: str) -> None:
    versions = "/api/evaluation/v1/evaluators_versions"
    shown = lab.call("GET", f"{versions}/{judge}", workspace_id=lab.space)["evaluator"]
    assert shown["evaluator_type"] == 1
    assert shown["current_version"]["evaluator_content"] == judge_content(model_id=ECHO)
    path = f"/api/evaluation/v1/evaluators/{shown['evaluator_id']}"
    half = {"prompt_evaluator": {"message_list": [], "model_config": {"model_id": ECHO}}}
    draft = {"workspace_id": lab.space, "evaluator_content": half, "evaluator_type": 1}
    assert lab.call("PATCH", f"{path}/update_draft", draft)["evaluator"]["draft_submitted"] is False
    submit = {"workspace_id": lab.space, "version": "0.0.2"}
    assert lab.http.post(f"{path}/submit_version", json=submit).json()["code"] == 601205006
    lab.call("PATCH", f"{path}/update_draft", {**draft, "evaluator_content": judge_content(message(2, "{{x}}"))})
    assert lab.call("POST", f"{path}/submit_version", submit)["evaluator"]["latest_version"] == "0.0.2"
