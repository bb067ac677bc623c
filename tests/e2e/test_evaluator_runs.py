"""Evaluators debugged, validated and run on a running platform; the model repeats its last message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.laboratory import BROKEN, ECHO, EXPERIMENTS, Laboratory
from tests.e2e.models import Endpoint
from tests.unit.evaluators.judges import judge_content, message, text, tool

BASE = "/api/evaluation/v1"
LENGTH = """
def exec_evaluation(turn):
    given = turn["evaluate_target_output_fields"]["actual_output"]["text"]
    print("looked at", given)
    return EvalOutput(score=len(given) / 3, reason="a third of its length")
"""
OUTPUT_INVALID, NO_CALL, VERSION_MISSING, RECORD_MISSING = 601205015, 601205025, 601205013, 601205022


def said(score: float) -> str:
    return json.dumps({"score": score, "reason": "so it is"})


def code(source: str) -> dict[str, Any]:
    return {"code_evaluator": {"language_type": "Python", "code_content": source}}


def given(**fields: str) -> dict[str, Any]:
    return {"input_fields": {k: text(v) for k, v in fields.items()}}


def answered(value: str) -> dict[str, Any]:
    return {"evaluate_target_output_fields": {"actual_output": text(value)}}


@pytest.fixture(scope="module")
def judge(lab: Laboratory) -> str:
    return lab.judge(judge_content(model_id=ECHO))


def debug(lab: Laboratory, kind: int, content: dict[str, Any], input_data: dict[str, Any]) -> dict[str, Any]:
    body = {"evaluator_type": kind, "evaluator_content": content, "input_data": input_data}
    return dict(lab.post(f"{BASE}/evaluators/debug", body).json())


def run(lab: Laboratory, version: str, input_data: dict[str, Any], **more: Any) -> dict[str, Any]:
    path = f"{BASE}/evaluators_versions/{version}/run"
    return dict(lab.call("POST", path, {"workspace_id": lab.space, "input_data": input_data, **more})["record"])


def record(lab: Laboratory, record_id: str) -> dict[str, Any]:
    return dict(lab.call("GET", f"{BASE}/evaluator_records/{record_id}", workspace_id=lab.space)["record"])


class TestDebug:
    def test_a_judge_and_a_script_are_tried_on_one_input(self, lab: Laboratory) -> None:
        output = debug(lab, 1, judge_content(), given(input=said(0.5)))["evaluator_output_data"]
        assert output["evaluator_result"] == {"score": 0.5, "reasoning": "so it is"}
        output = debug(lab, 2, code(LENGTH), answered("abcd"))["evaluator_output_data"]
        assert output["evaluator_result"] == {"score": 1.33, "reasoning": "a third of its length"}
        assert output["stdout"] == "looked at abcd\n"

    def test_what_goes_wrong_is_the_answers_code(self, lab: Laboratory) -> None:
        assert debug(lab, 1, judge_content(), given(input="no idea"))["code"] == OUTPUT_INVALID
        assert debug(lab, 1, judge_content(), given(input=said(2)))["code"] == OUTPUT_INVALID
        assert debug(lab, 1, judge_content(tools=[tool()]), given(input=said(1)))["code"] == NO_CALL
        assert debug(lab, 1, judge_content(model_id=BROKEN), given(input="x"))["code"] == 601505009
        assert debug(lab, 1, judge_content(model_id="999"), given(input="x"))["code"] == 601505005
        assert debug(lab, 1, {"prompt_evaluator": {"message_list": []}}, given())["code"] == 601205006
        assert debug(lab, 2, code(LENGTH), {})["code"] == 601205032
        assert debug(lab, 2, code("import os\n" + LENGTH), {})["code"] == 601205052

    def test_of_many_inputs_each_has_its_place(self, lab: Laboratory) -> None:
        inputs = [given(input=said(i / 10)) for i in range(10)] + [given(input="no idea")]
        body = {"evaluator_type": 1, "evaluator_content": judge_content(), "input_data": inputs}
        found = lab.post(f"{BASE}/evaluators/batch_debug", body).json()["evaluator_output_data"]
        assert [f["evaluator_result"]["score"] for f in found[:10]] == [i / 10 for i in range(10)]
        assert found[10]["evaluator_run_error"]["code"] == OUTPUT_INVALID
        more = {**body, "input_data": inputs * 10}
        assert lab.code(f"{BASE}/evaluators/batch_debug", more) == 601200202

    def test_the_default_tool_is_one_that_a_judge_may_have(self, lab: Laboratory) -> None:
        tools = lab.call("POST", f"{BASE}/evaluators/default_prompt_evaluator_tools", {})["tools"]
        assert [t["function"]["name"] for t in tools] == ["eval"]
        assert lab.judge(judge_content(tools=tools))


class TestValidate:
    @pytest.mark.parametrize(
        ("kind", "content", "wrong"),
        [
            (1, judge_content(), ""),
            (2, code(LENGTH), ""),
            (1, judge_content(model_id="999"), "model 999"),
            (1, judge_content(message(1, "")), "message_list"),
            (1, code(LENGTH), "prompt_evaluator"),
            (2, code("def ("), "not valid"),
            (2, code("eval('1')\n" + LENGTH), "refused"),
            (3, {"custom_rpc_evaluator": {}}, "not built"),
            (1, None, "evaluator_content"),
        ],
    )
    def test_bad_content_is_no_error_but_said(self, lab: Laboratory, kind: int, content: Any, wrong: str) -> None:
        body = {"evaluator_type": kind, "evaluator_content": content}
        answer = lab.post(f"{BASE}/evaluators/validate", body).json()
        assert (answer["code"], answer["valid"]) == (0, not wrong)
        assert wrong in answer.get("error_message", "")


class TestRecords:
    def test_a_run_is_kept_with_its_input_its_output_and_the_prompt_that_was_asked(
        self, lab: Laboratory, judge: str
    ) -> None:
        made = run(lab, judge, given(input=said(0.25)), ext={"who": "me"}, item_id="12")
        assert (made["status"], made["evaluator_version_id"], made["item_id"]) == (1, judge, "12")
        assert made["evaluator_output_data"]["evaluator_result"]["score"] == 0.25
        assert made["evaluator_output_data"]["evaluator_usage"]["input_tokens"] == "7"
        assert made["evaluator_input_data"] == given(input=said(0.25))
        assert made["ext"]["who"] == "me"
        assert json.loads(made["ext"]["rendered_prompt"])[1] == {"role": "user", "content": said(0.25)}
        assert record(lab, made["id"]) == made
        batch = {"workspace_id": lab.space, "evaluator_record_ids": ["1", made["id"]]}
        assert lab.call("POST", f"{BASE}/evaluator_records/batch_get", batch)["records"] == [made]

    def test_a_run_that_failed_is_kept_too(self, lab: Laboratory, judge: str) -> None:
        made = run(lab, judge, given(input="no idea"))
        assert (made["status"], made["evaluator_output_data"]["evaluator_run_error"]["code"]) == (2, OUTPUT_INVALID)
        assert record(lab, made["id"]) == made

    def test_a_script_is_run_the_same_way(self, lab: Laboratory) -> None:
        made = run(lab, lab.evaluator(LENGTH), answered("abc"))
        assert made["evaluator_output_data"]["evaluator_result"]["score"] == 1.0
        assert "rendered_prompt" not in made["ext"]

    def test_the_same_key_asks_the_model_once(self, lab: Laboratory, judge: str, models: Endpoint) -> None:
        before = models.calls["echo"]
        path = f"{BASE}/evaluators_versions/{judge}/run"
        body = {"workspace_id": lab.space, "input_data": given(input=said(1))}
        answers = [lab.http.post(path, json=body, headers={"Idempotency-Key": "run-once"}).json() for _ in range(3)]
        assert answers[0]["code"] == 0
        assert answers[0] == answers[1] == answers[2]
        assert models.calls["echo"] == before + 1

    def test_an_experiments_record_tells_what_its_judge_was_asked(self, lab: Laboratory, judge: str) -> None:
        experiment = lab.run(lab.asked(lab.rows([said(0.5)]), [judge]))
        [item] = lab.items(experiment)
        [shown] = item.payload["evaluator_output"]["evaluator_records"].values()
        found = record(lab, shown["id"])
        assert found["evaluator_output_data"] == shown["evaluator_output_data"]
        assert (found["experiment_id"], found["item_id"]) == (experiment, shown["item_id"])
        assert json.loads(found["ext"]["rendered_prompt"])[1]["content"] == said(0.5)
        lab.call("DELETE", f"{EXPERIMENTS}/{experiment}", workspace_id=lab.space)

    def test_what_is_not_there_is_not_found(self, lab: Laboratory, judge: str) -> None:
        assert lab.code(f"{BASE}/evaluators_versions/1/run", {"input_data": {}}) == VERSION_MISSING
        answer = lab.http.get(f"{BASE}/evaluator_records/1", params={"workspace_id": lab.space}).json()
        assert answer["code"] == RECORD_MISSING


class TestTemplates:
    @pytest.mark.parametrize("kind", [1, 2])
    def test_every_template_becomes_an_evaluator(self, lab: Laboratory, kind: int) -> None:
        listed = lab.call("POST", f"{BASE}/evaluators/list_template", {}, builtin_template_type=kind)
        assert listed["builtin_template_keys"]
        for each in listed["builtin_template_keys"]:
            key = next(v for part in each.values() for k, v in part.items() if k.endswith("template_key"))
            asked = {"builtin_template_type": kind, "builtin_template_key": key}
            content = lab.call("POST", f"{BASE}/evaluators/get_template_info", {}, **asked)["builtin_template"]
            if kind == 1:
                content["prompt_evaluator"]["model_config"] = {"model_id": ECHO}
            assert lab.evaluator_version(lab.name("template"), kind, content)

    def test_a_template_that_is_not_there_is_not_found(self, lab: Laboratory) -> None:
        asked = {"builtin_template_type": 1, "builtin_template_key": "none"}
        answer = lab.http.post(f"{BASE}/evaluators/get_template_info", json={}, params=asked).json()
        assert answer["code"] == 601205003
