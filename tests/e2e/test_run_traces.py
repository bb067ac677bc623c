"""Each step of an experiment leaves its trace, which its result names."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.laboratory import BROKEN, Laboratory

TRACE = "/api/observability/v1/traces/{}"
LIST = "/api/observability/v1/spans/list"
DAY = 86_400_000


def times(lab: Laboratory) -> dict[str, Any]:
    now = int(time.time() * 1000)
    return {"workspace_id": lab.space, "start_time": str(now - DAY), "end_time": str(now + DAY)}


def trace(lab: Laboratory, trace_id: str, spans: int) -> list[dict[str, Any]]:
    """The spans of a trace, as soon as there are so many: they are written behind the result."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while len(found) < spans:
        assert time.monotonic() < deadline, f"{len(found)} spans of {trace_id}"
        found = lab.http.get(TRACE.format(trace_id), params=times(lab)).json().get("spans") or []
    return found


def test_each_step_has_a_trace_that_its_result_names(platform_url: str) -> None:
    lab = Laboratory(platform_url)
    expt = lab.run(lab.asked(lab.rows(["one", "two"]), [lab.evaluator()], lab.prompt()))
    seen = set()
    for item in lab.items(expt):
        target = item.payload["target_output"]["eval_target_record"]
        [record] = item.payload["evaluator_output"]["evaluator_records"].values()
        root, call = sorted(trace(lab, target["trace_id"], 2), key=lambda s: s["parent_id"] != "0")
        assert (root["call_type"], call["parent_id"], call["type"]) == ("EvalTarget", root["span_id"], "model")
        assert (root["output"], call["output"]) == (item.output, item.output)
        assert item.text in call["input"]
        assert call["span_name"] == call["custom_tags"]["model_name"] == "echo"
        usage = target["eval_target_output_data"]["eval_target_usage"]
        assert call["custom_tags"]["input_tokens"] == usage["input_tokens"] != "0"
        [evaluated] = trace(lab, record["trace_id"], 1)
        assert (evaluated["call_type"], evaluated["custom_tags"]["score"]) == ("Evaluator", "1")
        seen |= {target["trace_id"], record["trace_id"]}
    assert len(seen) == 4
    roots = lab.call("POST", LIST, {**times(lab), "platform_type": "evaluation_target"})["spans"]
    assert len(roots) == 2


def test_a_step_that_failed_says_so_in_its_trace(platform_url: str) -> None:
    lab = Laboratory(platform_url)
    expt = lab.run(lab.asked(lab.rows(["one"]), [lab.evaluator()], lab.prompt(BROKEN)))
    [item] = lab.items(expt)
    target = item.payload["target_output"]["eval_target_record"]
    root = next(s for s in trace(lab, target["trace_id"], 2) if s["parent_id"] == "0")
    assert (root["status"], root["custom_tags"]["error"] in item.errors[0]) == ("error", True)


def test_attempts_that_failed_lie_below_the_root_of_their_trace(platform_url: str) -> None:
    lab = Laboratory(platform_url)
    raising = lab.evaluator("def exec_evaluation(turn):\n    raise ValueError('no')\n")
    expt = lab.run(lab.asked(lab.rows(["one"]), [raising], item_retry_num=2))
    [item] = lab.items(expt)
    [record] = item.payload["evaluator_output"]["evaluator_records"].values()
    root, *attempts = sorted(trace(lab, record["trace_id"], 3), key=lambda s: s["parent_id"] != "0")
    assert [s["parent_id"] for s in attempts] == [root["span_id"]] * 2
    assert {s["status"] for s in (root, *attempts)} == {"error"}


def test_a_run_of_an_evaluator_by_itself_has_a_trace_that_its_record_names(platform_url: str) -> None:
    lab = Laboratory(platform_url)
    version = lab.evaluator("def exec_evaluation(turn):\n    return EvalOutput(score=0.5, reason='half')\n")
    body = {"workspace_id": lab.space, "input_data": {"input_fields": {}}}
    record = lab.call("POST", f"/api/evaluation/v1/evaluators_versions/{version}/run", body)["record"]
    [shown] = trace(lab, record["trace_id"], 1)
    assert (shown["call_type"], shown["output"], shown["custom_tags"]["score"]) == ("Evaluator", "half", "0.5")
