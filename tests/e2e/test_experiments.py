"""Experiments on a running platform, over HTTP alone: what the console asks, and what can go wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.laboratory import (
    EXACT,
    EXPERIMENTS,
    GATE,
    NUMBER,
    SETS,
    Laboratory,
)
from tests.e2e.models import Endpoint, Gate
from tests.e2e.processes import eventually

SUCCESS, FAILURE, TERMINATED = 11, 12, 13
NAME_TAKEN, NAME_INVALID, CONFIG_INVALID, NOT_RUNNING = 601204005, 601204017, 601204001, 601204011
NOT_FOUND, VERSION_MISSING, INVALID_PARAM, REUSED = 601203004, 601205013, 601200202, 601200204


class TestSubmitting:
    def test_a_prompt_is_asked_each_row_and_its_answers_are_scored(self, lab: Laboratory, exact: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["one", "two", "three"]), [exact], lab.prompt()))
        items = lab.items(experiment)
        assert [(i.index, i.text, i.output, i.scores) for i in items] == [
            ("0", "one", "one", [1.0]),
            ("1", "two", "two", [1.0]),
            ("2", "three", "three", [1.0]),
        ]
        shown = lab.shown(experiment)
        assert (shown["status"], shown["total_item_count"]) == (SUCCESS, "3")
        assert shown["expt_stats"]["success_turn_cnt"] == 3
        assert shown["expt_stats"]["token_usage"] == {"input_tokens": "21", "output_tokens": "3"}

    def test_without_a_target_evaluators_read_the_row_alone(self, lab: Laboratory, number: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["0.25", "0.5"]), [number]))
        assert [(i.output, i.scores) for i in lab.items(experiment)] == [(None, [0.25]), (None, [0.5])]
        assert "eval_target" not in lab.shown(experiment)

    def test_the_console_names_evaluators_by_version_and_maps_fields_to_them(self, lab: Laboratory) -> None:
        source = EXACT.replace("reference_output", "expected").replace("actual_output", "answer")
        version_id = lab.evaluator(source)
        path = f"/api/evaluation/v1/evaluators_versions/{version_id}"
        evaluator = lab.call("GET", path, workspace_id=lab.space)["evaluator"]
        item = {"evaluator_id": evaluator["evaluator_id"], "version": evaluator["current_version"]["version"]}
        mapping = {
            "evaluator_version_id": "0",
            "evaluator_id_version_item": item,
            "from_eval_set": [{"field_name": "expected", "from_field_name": "reference_output"}],
            "from_target": [{"field_name": "answer", "from_field_name": "actual_output"}],
        }
        query = {"from_eval_set": [{"field_name": "input", "const_value": "a"}]}
        query["from_eval_set"].append({"field_name": "builtin_prompt_user_query", "from_field_name": "input"})
        body = lab.asked(
            lab.rows(["b"]),
            [],
            lab.prompt(),
            evaluator_id_version_list=[item],
            evaluator_field_mapping=[mapping],
            target_field_mapping=query,
        )
        experiment = lab.run(body)
        [result] = lab.items(experiment)
        assert (result.output, result.scores) == ("b", [1.0]), "the query is the last message"
        shown = lab.shown(experiment)
        assert shown["evaluator_version_ids"] == [version_id]
        assert shown["evaluator_field_mapping"][0]["from_target"] == mapping["from_target"]

    def test_several_evaluators_score_each_item_and_the_mean_is_shown(
        self, lab: Laboratory, exact: str, number: str
    ) -> None:
        experiment = lab.run(lab.asked(lab.rows(["3"]), [exact, number], lab.prompt()))
        [item] = lab.items(experiment)
        assert sorted(item.scores, key=float) == [1.0, 3.0]
        assert item.payload["evaluator_output"]["weighted_score"] == 2.0

    def test_no_more_items_are_under_way_than_asked_for(
        self, lab: Laboratory, exact: str, models: Endpoint, opened: Gate
    ) -> None:
        models.at_once.clear()
        experiment = lab.start(
            lab.asked(lab.rows([str(n) for n in range(6)]), [exact], lab.prompt(GATE), item_concur_num=2)
        )
        eventually(lambda: opened.waiting == 2)
        opened.let(6)
        list(lab.watch(experiment))
        assert models.at_once["gate"] == 2

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"name": " no"}, NAME_INVALID),
            ({"name": "x" * 201}, NAME_INVALID),
            ({"name": ""}, NAME_INVALID),
            ({"eval_set_version_id": "99"}, NOT_FOUND),
            ({"eval_set_id": "99"}, CONFIG_INVALID),
            ({"evaluator_version_ids": ["99"]}, VERSION_MISSING),
            ({"evaluator_version_ids": []}, CONFIG_INVALID),
            ({"item_concur_num": 201}, CONFIG_INVALID),
            ({"item_concur_num": -1}, CONFIG_INVALID),
            ({"item_ids": ["1"]}, INVALID_PARAM),
            ({"target_runtime_param": {"json_value": "{"}}, CONFIG_INVALID),
            ({"create_eval_target_param": {"eval_target_type": 2, "source_target_id": "99"}}, NOT_FOUND),
            ({"create_eval_target_param": {"eval_target_type": 1, "source_target_id": "99"}}, INVALID_PARAM),
            (
                {"target_field_mapping": {"from_eval_set": [{"field_name": "a", "from_field_name": "none"}]}},
                CONFIG_INVALID,
            ),
        ],
    )
    def test_a_submission_that_cannot_run_is_refused(
        self, lab: Laboratory, number: str, change: dict[str, object], code: int
    ) -> None:
        body = lab.asked(lab.rows(["1"]), [number]) | change
        assert lab.code(f"{EXPERIMENTS}/submit", body) == code

    def test_the_same_evaluator_twice_is_refused(self, lab: Laboratory, number: str) -> None:
        assert lab.code(f"{EXPERIMENTS}/submit", lab.asked(lab.rows(["1"]), [number, number])) == INVALID_PARAM

    def test_an_empty_set_is_refused(self, lab: Laboratory, number: str) -> None:
        assert lab.code(f"{EXPERIMENTS}/submit", lab.asked(lab.rows([]), [number])) == CONFIG_INVALID

    def test_parts_of_another_space_are_not_found(self, lab: Laboratory, number: str) -> None:
        other = Laboratory(str(lab.http.base_url))
        rows, prompt, evaluator = other.rows(["1"]), other.prompt(), other.evaluator(NUMBER)
        own = lab.rows(["1"])
        for body, code in (
            (lab.asked(rows, [number]), NOT_FOUND),
            (lab.asked(own, [evaluator]), VERSION_MISSING),
            (lab.asked(own, [number], prompt), NOT_FOUND),
        ):
            assert lab.code(f"{EXPERIMENTS}/submit", body) == code

    def test_sent_again_with_the_same_key_it_is_one_experiment(self, lab: Laboratory, number: str) -> None:
        body = lab.asked(lab.rows(["1"]), [number])
        key = {"Idempotency-Key": lab.name("key")}
        with ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(lab.http.post, f"{EXPERIMENTS}/submit", json=body, headers=key) for _ in range(8)]
            answers = [each.result().json() for each in sent]
        assert {a["code"] for a in answers} == {0}, answers
        assert len({(a["experiment"]["id"], a["run_id"]) for a in answers}) == 1
        found = lab.post(f"{EXPERIMENTS}/list", {"filter_option": {"fuzzy_name": body["name"]}}).json()
        assert found["total"] == 1

    def test_sent_again_with_the_same_key_it_is_answered_though_its_parts_are_gone(self, lab: Laboratory) -> None:
        rows, evaluator, prompt = lab.rows(["1"]), lab.evaluator(EXACT), lab.prompt()
        body = lab.asked(rows, [evaluator], prompt)
        key = {"Idempotency-Key": lab.name("key")}
        first = lab.http.post(f"{EXPERIMENTS}/submit", json=body, headers=key).json()
        list(lab.watch(first["experiment"]["id"]))
        shown = lab.call("GET", f"/api/evaluation/v1/evaluators_versions/{evaluator}", workspace_id=lab.space)
        lab.call(
            "DELETE", f"/api/evaluation/v1/evaluators/{shown['evaluator']['evaluator_id']}", workspace_id=lab.space
        )
        lab.call("DELETE", f"{SETS}/{rows[0]}", workspace_id=lab.space)
        lab.call("DELETE", f"/api/prompt/v1/prompts/{prompt[0]}")
        again = lab.http.post(f"{EXPERIMENTS}/submit", json=body, headers=key).json()
        assert (again["code"], again.get("run_id")) == (0, first["run_id"]), again

    def test_the_same_key_with_another_body_is_refused(self, lab: Laboratory, number: str) -> None:
        body = lab.asked(lab.rows(["1"]), [number])
        key = {"Idempotency-Key": lab.name("key")}
        assert lab.http.post(f"{EXPERIMENTS}/submit", json=body, headers=key).json()["code"] == 0
        other = {**body, "name": lab.name("other")}
        assert lab.http.post(f"{EXPERIMENTS}/submit", json=other, headers=key).json()["code"] == REUSED

    def test_a_cid_with_another_body_is_another_command(self, lab: Laboratory) -> None:
        content = {"code_evaluator": {"language_type": "Python", "code_content": NUMBER}}
        version = {"version": "0.0.1", "evaluator_content": content}
        names = [lab.name("cid"), lab.name("cid")]
        made = []
        for name in (*names, names[0]):
            evaluator = {"workspace_id": lab.space, "name": name, "evaluator_type": 2, "current_version": version}
            made.append(lab.post("/api/evaluation/v1/evaluators", {"evaluator": evaluator, "cid": "the same"}).json())
        assert [a["code"] for a in made] == [0, 0, 0]
        assert made[0]["evaluator_id"] == made[2]["evaluator_id"] != made[1]["evaluator_id"]


class TestNames:
    def test_check_name_says_what_submit_would(self, lab: Laboratory, number: str) -> None:
        body = lab.asked(lab.rows(["1"]), [number])
        check = f"{EXPERIMENTS}/check_name"
        assert lab.post(check, {"name": body["name"]}).json()["pass"] is True
        experiment = lab.start(body)
        taken = lab.post(check, {"name": body["name"]}).json()
        assert (taken["pass"], body["name"] in taken["message"]) == (False, True)
        assert lab.code(f"{EXPERIMENTS}/submit", body) == NAME_TAKEN
        assert lab.post(check, {"name": "a b"}).json()["pass"] is False
        lab.call("DELETE", f"{EXPERIMENTS}/{experiment}")
        assert lab.post(check, {"name": body["name"]}).json()["pass"] is True

    def test_of_many_that_want_a_name_one_gets_it(self, lab: Laboratory, number: str) -> None:
        body = lab.asked(lab.rows(["1"]), [number])
        with ThreadPoolExecutor(16) as pool:
            codes = list(pool.map(lambda _: lab.code(f"{EXPERIMENTS}/submit", body), range(16)))
        assert sorted(codes) == [0] + [NAME_TAKEN] * 15
