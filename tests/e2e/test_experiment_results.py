"""What becomes of experiments on a running platform, over HTTP alone: failures, kills, results, positions."""

from __future__ import annotations

import pytest

from tests.e2e.laboratory import (
    BROKEN,
    DONE,
    EXPERIMENTS,
    FAILED,
    GATE,
    QUEUEING,
    SETS,
    TERMINAL,
    Laboratory,
)
from tests.e2e.models import Gate
from tests.e2e.processes import eventually

SUCCESS, FAILURE, TERMINATED = 11, 12, 13
NAME_TAKEN, NAME_INVALID, CONFIG_INVALID, NOT_RUNNING = 601204005, 601204017, 601204001, 601204011
NOT_FOUND, VERSION_MISSING, INVALID_PARAM, REUSED = 601203004, 601205013, 601200202, 601200204


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

    def test_an_experiment_with_a_target_names_the_columns_of_its_record(self, lab: Laboratory, number: str) -> None:
        rows = lab.rows(["1"])
        asked, without = (lab.run(lab.asked(rows, [number], *prompt)) for prompt in ([lab.prompt()], []))
        body = {"workspace_id": lab.space, "experiment_ids": [asked, without], "page_number": 1, "page_size": 1}
        [shown] = lab.call("POST", f"{EXPERIMENTS}/results/batch_get", body)["expt_column_eval_target"]
        assert shown["experiment_id"] == asked
        metrics = ["total_latency", "input_tokens", "output_tokens", "total_tokens"]
        names = [column["name"] for column in shown["column_eval_targets"]]
        assert names == ["actual_output", *(f"eval_target_{each}" for each in metrics)]

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
