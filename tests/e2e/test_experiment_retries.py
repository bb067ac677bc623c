"""Experiments that are run again, over HTTP alone: what is repeated, what is kept, and what is refused."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.laboratory import (
    DONE,
    EXPERIMENTS,
    FAILED,
    GATE,
    MOODY,
    NUMBER,
    QUEUEING,
    TERMINAL,
    Item,
    Laboratory,
)
from tests.e2e.models import Endpoint, Gate, Moody
from tests.e2e.processes import eventually

ALL, FAILURES, ITEMS = 1, 2, 3
PROCESSING, SUCCESS, FAILURE, TERMINATED = 3, 11, 12, 13
RUNNING, RETRYING, INVALID_PARAM, NOT_FOUND, REUSED = 601204002, 601204015, 601200202, 601203004, 601200204
OUTLIVED = "601205084"
ONCE = """
def exec_evaluation(turn):
    text = turn["evaluate_target_output_fields"]["actual_output"]["text"]
    if text.endswith("!"):
        raise ValueError("no shouting")
    return EvalOutput(score=1.0, reason="calm")
"""


def texts(*ends: str) -> list[str]:
    """Texts that no other test uses."""
    return [f"{secrets.token_hex(4)}{end}" for end in ends]


class TestFailures:
    def test_only_what_failed_is_repeated(self, lab: Laboratory, exact: str, moody: Moody) -> None:
        asked = texts("a", "b", "c", "d")
        moody.fails.update({asked[1]: 1, asked[3]: 2})
        experiment = lab.run(lab.asked(lab.rows(asked), [exact], lab.prompt(MOODY)))
        assert [i.state for i in lab.items(experiment)] == [DONE, FAILED, DONE, FAILED]
        assert lab.shown(experiment)["status"] == FAILURE

        run = lab.retry(experiment)
        assert lab.until_over(experiment) == FAILURE
        items = lab.items(experiment)
        assert [i.state for i in items] == [DONE, DONE, DONE, FAILED]
        assert [moody.asked[t] for t in asked] == [1, 2, 1, 2]
        assert [run_id(i) == run for i in items] == [False, True, False, True]

        lab.retry(experiment, FAILURES)
        assert lab.until_over(experiment) == SUCCESS
        assert [(i.output, i.scores) for i in lab.items(experiment)] == [(t, [1.0]) for t in asked]
        assert [moody.asked[t] for t in asked] == [1, 2, 1, 3]
        stats = lab.shown(experiment)["expt_stats"]
        assert (stats["success_turn_cnt"], stats["fail_turn_cnt"], stats["pending_turn_cnt"]) == (4, 0, 0)
        assert stats["token_usage"] == {"input_tokens": "28", "output_tokens": "4"}, "each item's result counts once"
        assert lab.score(experiment) == {1: 1.0, 2: 4.0, 3: 1.0, 4: 1.0}

    def test_the_targets_answer_is_kept_when_an_evaluator_failed(
        self, lab: Laboratory, exact: str, moody: Moody
    ) -> None:
        asked = texts("!", "")
        experiment = lab.run(lab.asked(lab.rows(asked), [exact, lab.evaluator(ONCE)], lab.prompt(MOODY)))
        before = lab.items(experiment)
        run = lab.retry(experiment, FAILURES)
        assert lab.until_over(experiment) == FAILURE
        again = lab.items(experiment)
        assert [moody.asked[t] for t in asked] == [1, 1]
        assert (run_id(again[0]), run_id(again[1])) == (run, run_id(before[1]))
        assert [i.scores for i in again] == [i.scores for i in before]
        lab.retry(experiment, ALL)
        lab.until_over(experiment)
        assert [moody.asked[t] for t in asked] == [2, 2]

    def test_when_nothing_failed_nothing_is_repeated(self, lab: Laboratory, exact: str, moody: Moody) -> None:
        asked = texts("")
        experiment = lab.run(lab.asked(lab.rows(asked), [exact], lab.prompt(MOODY)))
        lab.retry(experiment)
        assert lab.until_over(experiment) == SUCCESS
        assert moody.asked[asked[0]] == 1

    def test_what_a_kill_left_undone_is_done(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        experiment = lab.start(lab.asked(lab.rows(texts("", "", "")), [exact], lab.prompt(GATE), item_concur_num=1))
        opened.let(1)
        eventually(lambda: lab.shown(experiment)["expt_stats"]["success_turn_cnt"] == 1 and opened.waiting == 1)
        lab.call("POST", f"{EXPERIMENTS}/{experiment}/kill", {"workspace_id": lab.space})
        assert lab.until_over(experiment) == TERMINATED
        with opened.ajar():
            lab.retry(experiment)
            assert lab.until_over(experiment) == SUCCESS
        assert {i.state for i in lab.items(experiment)} == {DONE}


class TestAll:
    def test_results_stay_until_their_items_have_been_repeated(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        rows = lab.rows(texts("", ""))
        opened.let(2)
        experiment = lab.run(lab.asked(rows, [exact], lab.prompt(GATE), item_concur_num=1))
        first = lab.items(experiment)
        run = lab.retry(experiment, ALL)
        eventually(lambda: opened.waiting == 1)
        shown = lab.shown(experiment)
        assert (shown["status"], shown["end_time"]) == (PROCESSING, "0")
        assert shown["expt_stats"]["success_turn_cnt"] == 0
        assert [(i.state, i.output, i.scores) for i in lab.items(experiment)] == [
            (QUEUEING, i.output, i.scores) for i in first
        ]
        assert lab.score(experiment)[2] == 2.0
        opened.let(1)
        eventually(lambda: lab.shown(experiment)["expt_stats"]["success_turn_cnt"] == 1)
        assert sorted(run_id(i) == run for i in lab.items(experiment)) == [False, True]
        opened.let(1)
        assert lab.until_over(experiment) == SUCCESS
        assert {run_id(i) for i in lab.items(experiment)} == {run}

    def test_a_killed_retry_leaves_the_results_of_before(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        opened.let(3)
        prompt = lab.prompt(GATE)
        experiment = lab.run(lab.asked(lab.rows(texts("", "", "")), [exact], prompt, item_concur_num=1))
        first = lab.items(experiment)
        run = lab.retry(experiment, ALL)
        opened.let(1)
        eventually(lambda: lab.shown(experiment)["expt_stats"]["success_turn_cnt"] == 1 and opened.waiting == 1)
        lab.call("POST", f"{EXPERIMENTS}/{experiment}/kill", {"workspace_id": lab.space})
        assert lab.until_over(experiment) == TERMINATED
        items = lab.items(experiment)
        assert [(i.state, i.output, i.scores) for i in items] == [(DONE, i.output, i.scores) for i in first]
        assert sorted(run_id(i) == run for i in items) == [False, False, True]
        assert lab.shown(experiment)["expt_stats"]["terminated_turn_cnt"] == 0
        opened.let(opened.waiting)
        eventually(lambda: opened.waiting == 0)
        lab.run(lab.asked(lab.rows(["1"]), [lab.evaluator(NUMBER)]))
        assert lab.items(experiment) == items, "answers that came later do not count"

    def test_of_many_retries_at_once_one_wins(
        self, lab: Laboratory, exact: str, opened: Gate, models: Endpoint
    ) -> None:
        opened.let(1)
        experiment = lab.run(lab.asked(lab.rows(texts("")), [exact], lab.prompt(GATE)))
        calls = models.calls["gate"]
        body = {"workspace_id": lab.space, "retry_mode": ALL}
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda _: lab.code(f"{EXPERIMENTS}/{experiment}/retry", body), range(8)))
        assert sorted(codes) == [0] + [RUNNING] * 7
        eventually(lambda: opened.waiting == 1)
        opened.let(1)
        assert lab.until_over(experiment) == SUCCESS
        assert models.calls["gate"] == calls + 1

    def test_deleting_ends_a_retry(self, lab: Laboratory, exact: str, opened: Gate) -> None:
        opened.let(1)
        experiment = lab.run(lab.asked(lab.rows(texts("")), [exact], lab.prompt(GATE)))
        lab.retry(experiment, ALL)
        eventually(lambda: opened.waiting == 1)
        lab.call("DELETE", f"{EXPERIMENTS}/{experiment}", {"workspace_id": lab.space})
        body = {"workspace_id": lab.space, "retry_mode": ALL}
        assert lab.code(f"{EXPERIMENTS}/{experiment}/retry", body) == NOT_FOUND


class TestItems:
    def test_the_items_named_are_repeated_whatever_came_of_them(
        self, lab: Laboratory, exact: str, moody: Moody
    ) -> None:
        asked = texts("", "", "")
        experiment = lab.run(lab.asked(lab.rows(asked), [exact], lab.prompt(MOODY)))
        first = lab.items(experiment)
        moody.fails[asked[2]] = 1
        run = lab.retry(experiment, ITEMS, [first[0].id, first[2].id])
        assert lab.until_over(experiment) == FAILURE
        assert [moody.asked[t] for t in asked] == [2, 1, 2]
        items = lab.items(experiment)
        assert [i.state for i in items] == [DONE, DONE, FAILED]
        assert [run_id(i) == run for i in items] == [True, False, True]
        assert items[1] == first[1]

    def test_items_that_are_done_are_repeated_while_others_go_on(
        self, lab: Laboratory, exact: str, opened: Gate
    ) -> None:
        rows = lab.rows(texts("", "", ""))
        experiment = lab.start(lab.asked(rows, [exact], lab.prompt(GATE), item_concur_num=1))
        opened.let(1)
        eventually(lambda: lab.shown(experiment)["expt_stats"]["success_turn_cnt"] == 1 and opened.waiting == 1)
        first = lab.items(experiment)
        done = next(i for i in first if i.state == DONE)
        waiting = next(i for i in first if i.state != DONE)
        body = {"workspace_id": lab.space, "retry_mode": ITEMS, "item_ids": [waiting.id]}
        assert lab.code(f"{EXPERIMENTS}/{experiment}/retry", body) == RETRYING
        run = lab.retry(experiment, ITEMS, [done.id])
        assert lab.code(f"{EXPERIMENTS}/{experiment}/retry", body | {"item_ids": [done.id]}) == RETRYING
        assert lab.code(f"{EXPERIMENTS}/{experiment}/retry", body | {"retry_mode": ALL, "item_ids": []}) == RUNNING
        eventually(lambda: opened.waiting == 2)
        opened.let(3)
        assert lab.until_over(experiment) == SUCCESS
        assert [run_id(i) == run for i in lab.items(experiment)] == [i.id == done.id for i in first]

    def test_what_names_no_item_is_refused(self, lab: Laboratory, number: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["1"]), [number]))
        [item] = lab.items(experiment)
        path = f"{EXPERIMENTS}/{experiment}/retry"
        for body, code in (
            ({"retry_mode": ITEMS}, INVALID_PARAM),
            ({"retry_mode": ITEMS, "item_ids": ["99"]}, INVALID_PARAM),
            ({"retry_mode": ITEMS, "item_ids": [str(n) for n in range(1, 102)]}, INVALID_PARAM),
            ({"retry_mode": ALL, "item_ids": [item.id]}, INVALID_PARAM),
            ({"retry_mode": 9}, INVALID_PARAM),
        ):
            assert lab.code(path, body) == code, body
        assert lab.code(f"{EXPERIMENTS}/99/retry", {"retry_mode": ALL}) == NOT_FOUND
        assert lab.shown(experiment)["status"] == SUCCESS


class TestKeys:
    def test_sent_again_with_the_same_key_it_is_one_run(self, lab: Laboratory, number: str) -> None:
        experiment = lab.run(lab.asked(lab.rows(["1"]), [number]))
        key = {"Idempotency-Key": lab.name("retry-key")}
        body = {"workspace_id": lab.space, "retry_mode": ALL}
        path = f"{EXPERIMENTS}/{experiment}/retry"
        with ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(lab.http.post, path, json=body, headers=key) for _ in range(8)]
            answers = [each.result().json() for each in sent]
        assert {(a["code"], a.get("run_id")) for a in answers} == {(0, answers[0]["run_id"])}
        lab.until_over(experiment)
        lab.call("DELETE", f"{EXPERIMENTS}/{experiment}", {"workspace_id": lab.space})
        assert lab.http.post(path, json=body, headers=key).json()["run_id"] == answers[0]["run_id"]
        assert lab.http.post(path, json=body | {"retry_mode": 2}, headers=key).json()["code"] == REUSED


class TestLimits:
    def test_an_item_is_tried_as_often_as_asked_for(self, lab: Laboratory, exact: str, moody: Moody) -> None:
        asked = texts("", "", "!")
        moody.fails.update({asked[0]: 2, asked[1]: 3})
        evaluators = [exact, lab.evaluator(ONCE)]
        experiment = lab.run(lab.asked(lab.rows(asked), evaluators, lab.prompt(MOODY), item_retry_num=2))
        assert [i.state for i in lab.items(experiment)] == [DONE, FAILED, FAILED]
        assert [moody.asked[t] for t in asked] == [3, 3, 1]
        assert lab.shown(experiment)["item_retry_num"] == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"item_retry_num": 11},
            {"item_retry_num": -1},
            {"evaluators_concur_num": 201},
            {"evaluators_concur_num": -1},
            {"max_alive_time": "-1"},
        ],
    )
    def test_a_limit_out_of_range_is_refused(self, lab: Laboratory, number: str, change: dict[str, object]) -> None:
        assert lab.code(f"{EXPERIMENTS}/submit", lab.asked(lab.rows(["1"]), [number]) | change) == 601204001

    def test_a_run_that_outlives_its_deadline_has_failed_and_can_be_repeated(
        self, lab: Laboratory, exact: str, opened: Gate
    ) -> None:
        rows = lab.rows(texts("", ""))
        body = lab.asked(rows, [exact], lab.prompt(GATE), item_concur_num=1, max_alive_time="1500")
        experiment = lab.start(body)
        assert lab.until_over(experiment) == FAILURE
        shown = lab.shown(experiment)
        assert OUTLIVED in shown["status_message"]
        assert shown["expt_stats"]["terminated_turn_cnt"] == 2
        assert [i.state for i in lab.items(experiment)] == [TERMINAL, TERMINAL]
        with opened.ajar():
            lab.retry(experiment)
            again = lab.until_over(experiment)
        assert (again == SUCCESS) == (lab.shown(experiment)["status_message"] == ""), "the deadline is as long again"

    def test_weights_make_the_weighted_score(self, lab: Laboratory, exact: str, number: str) -> None:
        ids = []
        for version_id, weight in ((exact, 1.0), (number, 3.0)):
            path = f"/api/evaluation/v1/evaluators_versions/{version_id}"
            evaluator = lab.call("GET", path, workspace_id=lab.space)["evaluator"]
            version = evaluator["current_version"]["version"]
            ids.append({"evaluator_id": evaluator["evaluator_id"], "version": version, "score_weight": weight})
        more = {"evaluator_id_version_list": ids, "enable_weighted_score": True}
        experiment = lab.run(lab.asked(lab.rows(["0.5", "0"]), [], lab.prompt(), **more))
        items = lab.items(experiment)
        assert [i.payload["evaluator_output"]["weighted_score"] for i in items] == [0.62, 0.25]
        shown = lab.shown(experiment)
        assert shown["score_weight_config"]["evaluator_score_weights"] == {exact: 1.0, number: 3.0}
        aggregate = lab.post(
            f"{EXPERIMENTS}/aggr_results/batch_get", {"experiment_ids": [experiment]}, workspace_id=lab.space
        ).json()["expt_aggregate_result"][0]
        values = {a["aggregator_type"]: a["data"].get("value") for a in aggregate["weighted_results"]}
        assert (values[2], values[3], values[4]) == (0.87, 0.62, 0.25)
        for each in ids:
            each["score_weight"] = -1.0
        assert lab.code(f"{EXPERIMENTS}/submit", lab.asked(lab.rows(["1"]), [], lab.prompt(), **more)) == 601204001


def run_id(item: Item) -> str:
    """The run that an item's records are of."""
    [found] = {r["experiment_run_id"] for r in item.payload["evaluator_output"]["evaluator_records"].values()} or {
        item.payload["target_output"]["eval_target_record"]["experiment_run_id"]
    }
    return str(found)
