"""Experiments on a running platform, over HTTP alone: what the console asks, and what can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.laboratory import (
    BROKEN,
    DONE,
    EXACT,
    EXPERIMENTS,
    FAILED,
    GATE,
    NUMBER,
    QUEUEING,
    SETS,
    TERMINAL,
    Laboratory,
)
from tests.e2e.models import Endpoint, Gate
from tests.e2e.tenants import eventually

SUCCESS, FAILURE, TERMINATED = 11, 12, 13
NAME_TAKEN, NAME_INVALID, CONFIG_INVALID, NOT_RUNNING = 601204005, 601204017, 601204001, 601204011
NOT_FOUND, VERSION_MISSING, INVALID_PARAM, REUSED = 601203004, 601205013, 601200202, 601200204


@pytest.fixture(scope="module")
def lab(platform_url: str) -> Laboratory:
    return Laboratory(platform_url)


@pytest.fixture(scope="module")
def exact(lab: Laboratory) -> str:
    return lab.evaluator(EXACT)


@pytest.fixture(scope="module")
def number(lab: Laboratory) -> str:
    return lab.evaluator(NUMBER)


@pytest.fixture
def opened(gate: Gate) -> Iterator[Gate]:
    """The gate; whoever still waits at the end of the test is let through."""
    yield gate
    gate.let(gate.waiting)


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


class TestFailing:
    def test_an_evaluator_that_misbehaves_fails_its_item_with_a_message(self, lab: Laboratory) -> None:
        evaluator = lab.evaluator(MISBEHAVING)
        wrongs = ["raise", "nothing", "words", "nan", "exit", "memory", "deep"]
        experiment = lab.run(lab.asked(lab.rows(["fine", *wrongs, "fine"]), [evaluator]))
        items = lab.items(experiment)
        assert [i.state for i in items] == [DONE, *[FAILED] * len(wrongs), DONE]
        assert all(bool(i.errors[0]) for i in items[1:-1])
        assert "ValueError" in items[1].errors[0]
        assert [i.scores for i in items] == [[1.0], *[[None]] * len(wrongs), [1.0]]
        shown = lab.shown(experiment)
        assert (shown["status"], shown["expt_stats"]["fail_turn_cnt"]) == (FAILURE, len(wrongs))
        assert lab.score(experiment)[2] == 2.0, "only scores count"

    def test_an_evaluator_that_never_ends_fails_its_item_after_five_seconds(self, lab: Laboratory) -> None:
        experiment = lab.run(lab.asked(lab.rows(["loop"]), [lab.evaluator(MISBEHAVING)]))
        [item] = lab.items(experiment)
        assert (item.state, "timeout" in item.errors[0]) == (FAILED, True)

    def test_what_an_evaluator_prints_is_kept(self, lab: Laboratory) -> None:
        evaluator = lab.evaluator(
            "def exec_evaluation(turn):\n    print('höre')\n    return {'score': 1, 'reason': ''}\n"
        )
        [item] = lab.items(lab.run(lab.asked(lab.rows(["1"]), [evaluator])))
        [record] = item.payload["evaluator_output"]["evaluator_records"].values()
        assert record["evaluator_output_data"]["stdout"] == "höre\n"

    def test_a_model_that_refuses_fails_the_item_and_no_evaluator_is_asked(self, lab: Laboratory, exact: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["1", "2"]), [exact], lab.prompt(BROKEN)))
        items = lab.items(experiment)
        assert [(i.state, i.output, i.scores) for i in items] == [(FAILED, None, [])] * 2
        assert all("this model is broken" in i.errors[0] for i in items)
        assert lab.shown(experiment)["status"] == FAILURE
        assert "canary-key" not in lab.post(f"{EXPERIMENTS}/batch_get", {"expt_ids": [experiment]}).text

    def test_a_model_that_is_not_configured_fails_the_item(self, lab: Laboratory, exact: str) -> None:
        [item] = lab.items(lab.run(lab.asked(lab.rows(["1"]), [exact], lab.prompt("99"))))
        assert (item.state, "99" in item.errors[0]) == (FAILED, True)

    def test_one_experiments_failures_are_not_anothers(self, lab: Laboratory, exact: str) -> None:
        rows = lab.rows(["1", "2"])
        bad, good = (lab.start(lab.asked(rows, [exact], lab.prompt(model))) for model in (BROKEN, "1"))
        for experiment, status in ((bad, FAILURE), (good, SUCCESS)):
            list(lab.watch(experiment))
            assert lab.shown(experiment)["status"] == status
        both = lab.results([good, bad])["item_results"][0]["turn_results"][0]["experiment_results"]
        states = [r["payload"]["system_info"]["turn_run_state"] for r in both]
        assert ([r["experiment_id"] for r in both], states) == ([good, bad], [DONE, FAILED])


class TestRunning:
    def test_a_running_experiment_shows_what_is_done(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        experiment = half_way(lab, exact, opened)
        states = sorted(i.state for i in lab.items(experiment))
        assert states == [QUEUEING, QUEUEING, QUEUEING, QUEUEING, DONE, DONE]
        shown = lab.shown(experiment)
        assert (shown["status"], shown["expt_stats"]["success_turn_cnt"]) == (3, 2)
        aggregate = lab.post(
            f"{EXPERIMENTS}/aggr_results/batch_get", {"experiment_ids": [experiment]}, workspace_id=lab.space
        ).json()["expt_aggregate_result"][0]
        assert aggregate["status"] == 2, "calculating"
        opened.let(4)
        list(lab.watch(experiment))
        assert {i.state for i in lab.items(experiment)} == {DONE}

    def test_a_killed_experiment_keeps_what_was_done_and_nothing_is_added(
        self, lab: Laboratory, exact: str, opened: Gate
    ) -> None:
        experiment = half_way(lab, exact, opened)
        lab.call("POST", f"{EXPERIMENTS}/{experiment}/kill", {"workspace_id": lab.space})
        assert [p.status for p in lab.watch(experiment)][-1] == TERMINATED
        before = pages(lab, experiment)
        assert sorted(i.state for i in lab.items(experiment)) == [DONE, DONE, *[TERMINAL] * 4]
        assert lab.score(experiment)[2] == 2.0
        assert lab.shown(experiment)["expt_stats"]["terminated_turn_cnt"] == 4
        opened.let(opened.waiting)
        eventually(lambda: opened.waiting == 0)
        lab.run(lab.asked(lab.rows(["1"]), [exact], lab.prompt()))
        assert pages(lab, experiment) == before, "answers that came later do not count"
        assert lab.code(f"{EXPERIMENTS}/{experiment}/kill") == NOT_RUNNING

    def test_what_is_over_cannot_be_killed(self, lab: Laboratory, number: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["1"]), [number]))
        assert lab.code(f"{EXPERIMENTS}/{experiment}/kill") == NOT_RUNNING
        assert lab.shown(experiment)["status"] == SUCCESS

    def test_deleting_a_running_experiment_ends_it(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        experiment = half_way(lab, exact, opened)
        lab.call("DELETE", f"{EXPERIMENTS}/{experiment}", {"workspace_id": lab.space})
        assert lab.post(f"{EXPERIMENTS}/batch_get", {"expt_ids": [experiment]}).json()["experiments"] == []
        results = {"experiment_ids": [experiment]}
        assert lab.code(f"{EXPERIMENTS}/results/batch_get?workspace_id={lab.space}", results) == NOT_FOUND
        for path in (f"{experiment}/kill", f"{experiment}/kill"):
            assert lab.code(f"{EXPERIMENTS}/{path}") == NOT_FOUND
        opened.let(opened.waiting)
        eventually(lambda: opened.waiting == 0)

    def test_a_list_with_an_unknown_id_deletes_nothing(self, lab: Laboratory, number: str) -> None:
        rows = lab.rows(["1"])
        first, second = (lab.start(lab.asked(rows, [number])) for _ in range(2))

        def delete(*ids: str) -> int:
            body = {"workspace_id": lab.space, "expt_ids": ids}
            return int(lab.http.request("DELETE", f"{EXPERIMENTS}/batch_delete", json=body).json()["code"])

        assert delete(first, "99", second) == NOT_FOUND
        assert lab.shown(first)["id"] == first
        assert delete(first, second) == 0
        assert lab.post(f"{EXPERIMENTS}/batch_get", {"expt_ids": [first, second]}).json()["experiments"] == []


class TestShowing:
    def test_results_come_in_pages_in_the_order_of_the_rows(self, lab: Laboratory, number: str) -> None:
        texts = [str(n) for n in range(45)]
        experiment = lab.run(lab.asked(lab.rows(texts), [number]))
        answers = [lab.results([experiment], page, 20) for page in (1, 2, 3, 4)]
        assert {a["total"] for a in answers} == {"45"}
        items = [i for page in (1, 2, 3, 4) for i in lab.items(experiment, page, 20)]
        assert [(i.index, i.text) for i in items] == [(t, t) for t in texts]
        [last] = lab.items(experiment, 45, 1)
        assert last.index == "44", "the console asks for one item by its index"
        body = {"experiment_ids": [experiment]}
        for size in (0, 201, -1):
            path = f"{EXPERIMENTS}/results/batch_get?workspace_id={lab.space}&page_number=1&page_size={size}"
            assert lab.code(path, body) == (0 if size == 0 else INVALID_PARAM)

    def test_aggregates_are_average_sum_bounds_and_distribution(self, lab: Laboratory, number: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["0", "0.5", "0.5", "1"]), [number]))
        assert lab.score(experiment) == {1: 0.5, 2: 2.0, 3: 1.0, 4: 0.0}
        answer = lab.post(
            f"{EXPERIMENTS}/aggr_results/batch_get", {"experiment_ids": [experiment]}, workspace_id=lab.space
        ).json()["expt_aggregate_result"][0]
        [result] = answer["evaluator_results"].values()
        distribution = next(a for a in result["aggregator_results"] if a["aggregator_type"] == 5)
        items = distribution["data"]["score_distribution"]["score_distribution_items"]
        assert items == [
            {"score": "0.00", "count": "1", "percentage": 0.25},
            {"score": "0.50", "count": "2", "percentage": 0.5},
            {"score": "1.00", "count": "1", "percentage": 0.25},
        ]

    def test_no_experiments_have_no_aggregates_and_that_is_no_error(self, lab: Laboratory) -> None:
        path = f"{EXPERIMENTS}/aggr_results/batch_get"
        answer = lab.post(path, {"experiment_ids": []}, workspace_id=lab.space).json()
        assert (answer["code"], answer["expt_aggregate_result"]) == (0, [])

    def test_lists_are_narrowed_ordered_and_paged(self, lab: Laboratory, number: str, exact: str) -> None:
        one, other = lab.rows(["1"]), lab.rows(["2"])
        succeeded = [lab.run(lab.asked(one, [number])) for _ in range(3)]
        failed = lab.run(lab.asked(other, [exact], lab.prompt(BROKEN), name="Gefährlich".replace("ä", "ae")))

        def listed(*conditions: dict[str, object], **more: object) -> list[str]:
            option: dict[str, object] = {"filters": {"logic_op": 1, "filter_conditions": list(conditions)}}
            if "fuzzy_name" in more:
                option["fuzzy_name"] = more.pop("fuzzy_name")
            body = {"filter_option": option, "page_number": 1, "page_size": 100, **more}
            answer = lab.post(f"{EXPERIMENTS}/list", body).json()
            assert answer["code"] == 0, answer
            return [e["id"] for e in answer["experiments"]]

        of_one = condition(6, one[0])
        assert listed(of_one) == succeeded[::-1], "newest first"
        assert listed(of_one, order_bys=[{"field": "start_time", "is_asc": True}]) == succeeded
        assert listed(condition(6, other[0])) == [failed]
        assert listed(condition(6, f"{one[0]},{other[0]}", operator=7)) == [failed, *succeeded[::-1]]
        assert listed(of_one, condition(3, str(FAILURE))) == []
        assert listed(condition(6, other[0]), condition(3, f"{FAILURE},{SUCCESS}", operator=7)) == [failed]
        assert listed(fuzzy_name="gefaehr") == [failed]
        assert listed(of_one, page_number=2, page_size=2) == [succeeded[0]]
        assert listed(of_one, condition(2, lab.shown(failed)["creator_by"])) == succeeded[::-1]
        assert listed(of_one, condition(2, "99")) == []
        unbuilt = {"filters": {"filter_conditions": [condition(99, "1")]}}
        assert lab.code(f"{EXPERIMENTS}/list", {"filter_option": unbuilt}) == INVALID_PARAM

    def test_what_was_pinned_is_shown_for_ever(self, lab: Laboratory, exact: str) -> None:
        rows, prompt = lab.rows(["one", "two"]), lab.prompt()
        experiment = lab.run(lab.asked(rows, [exact], prompt))
        before = pages(lab, experiment)
        found = lab.post(f"{SETS}/{rows[0]}/items/list", {"page_number": 1, "page_size": 10}).json()["items"]
        turns = [{"field_data_list": [{"key": "input", "content": {"content_type": "Text", "text": "changed"}}]}]
        body = {"workspace_id": lab.space, "turns": turns}
        lab.call("PUT", f"{SETS}/{rows[0]}/items/{found[0]['item_id']}", body)
        lab.add_items(rows[0], [{"input": "three", "reference_output": "three"}])
        assert pages(lab, experiment) == before, "rows changed and added"
        lab.version(rows[0], "2.0.0")
        lab.post(f"{SETS}/{rows[0]}/items/clear")
        fields = [{"name": "other", "content_type": "Text"}]
        lab.call("PUT", f"{SETS}/{rows[0]}/schema", {"workspace_id": lab.space, "fields": fields})
        draft = {"draft_info": {"base_version": "1.0.0"}, "detail": {"prompt_template": {"messages": []}}}
        lab.call("POST", f"/api/prompt/v1/prompts/{prompt[0]}/drafts/save", {"prompt_draft": draft})
        assert pages(lab, experiment) == before, "cleared, other columns, another draft"
        lab.call("DELETE", f"{SETS}/{rows[0]}", workspace_id=lab.space)
        lab.call("DELETE", f"/api/prompt/v1/prompts/{prompt[0]}")
        assert pages(lab, experiment) == before, "deleted"

    def test_the_same_rows_give_the_same_answers_in_a_second_experiment(self, lab: Laboratory, exact: str) -> None:
        rows, prompt = lab.rows(["one", "two"]), lab.prompt()
        experiments = []
        for _ in range(2):
            experiments.append(lab.run(lab.asked(rows, [exact], prompt)))
            lab.post(f"{SETS}/{rows[0]}/items/clear")
        first, second = ([(i.text, i.output, i.scores) for i in lab.items(e)] for e in experiments)
        assert first == second == [("one", "one", [1.0]), ("two", "two", [1.0])]


class TestPositions:
    def test_whoever_names_a_position_sees_what_was_written_there(self, lab: Laboratory, number: str) -> None:
        reader = Laboratory(str(lab.http.base_url))
        reader.http.cookies = lab.http.cookies
        rows = lab.rows(["1"])
        for _ in range(10):
            body = lab.asked(rows, [number])
            position = lab.post(f"{EXPERIMENTS}/submit", body).headers["x-log-position"]
            assert position.startswith("events:")
            wanted = {"workspace_id": lab.space, "filter_option": {"fuzzy_name": body["name"]}}
            answer = reader.http.post(f"{EXPERIMENTS}/list", json=wanted, headers={"X-Min-Position": position})
            assert answer.json()["total"] == 1
            assert "x-read-lag" not in answer.headers

    def test_a_position_that_is_not_reached_in_time_is_said_and_not_refused(self, lab: Laboratory) -> None:
        end = int(lab.http.get("/v1/platform/health").json()["log_position"].removeprefix("events:"))
        answer = lab.http.get("/api/foundation/v1/users/session", params={"min_position": f"events:{end + 100}"})
        assert answer.json()["code"] == 0
        assert answer.headers["x-read-lag"].startswith("events:")

    @pytest.mark.parametrize("position", ["events:", "spans:", "drafts:1", "-1", "1.5", "9" * 19, "*"])
    def test_what_is_no_position_is_refused(self, lab: Laboratory, position: str) -> None:
        answer = lab.http.get("/api/foundation/v1/users/session", params={"min_position": position})
        assert answer.json()["code"] == 602000202


MISBEHAVING = """
def exec_evaluation(turn):
    text = turn["evaluate_dataset_fields"]["input"]["text"]
    if text == "raise":
        raise ValueError("a bad row")
    if text == "loop":
        for _ in iter(int, 1):
            pass
    if text == "nothing":
        return None
    if text == "words":
        return EvalOutput(score="good", reason="very")
    if text == "nan":
        return EvalOutput(score=float("nan"), reason="no number")
    if text == "exit":
        raise SystemExit(0)
    if text == "memory":
        return EvalOutput(score=len("x" * (1 << 40)), reason="")
    if text == "deep":
        return exec_evaluation(turn)
    return EvalOutput(score=1.0, reason="fine")
"""


def condition(field: int, value: str, operator: int = 1) -> dict[str, object]:
    """One condition of a list's filter."""
    return {"field": {"field_type": field}, "operator": operator, "value": value}


def half_way(lab: Laboratory, evaluator: str, gate: Gate) -> str:
    """An experiment of six items whose model answered two and lets the next two wait."""
    rows = lab.rows([str(n) for n in range(6)])
    experiment = lab.start(lab.asked(rows, [evaluator], lab.prompt(GATE), item_concur_num=2))
    gate.let(2)
    eventually(lambda: lab.shown(experiment)["expt_stats"]["success_turn_cnt"] == 2 and gate.waiting == 2)
    return experiment


def pages(lab: Laboratory, experiment: str) -> bytes:
    """The bytes of its result page and aggregates."""
    body = {"experiment_ids": [experiment]}
    paths = (f"{EXPERIMENTS}/{name}/batch_get" for name in ("results", "aggr_results"))
    return b"\n".join(lab.post(path, body, workspace_id=lab.space).content for path in paths)
