"""Spans over HTTP: stored when answered, shown from their position on, found by what they say."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from tests.e2e.callers import Caller
from tests.e2e.processes import Platform

INGEST = "/v1/loop/traces/ingest"
LIST = "/api/observability/v1/spans/list"
TRACE = "/api/observability/v1/traces/{}"
HOUR = 3_600_000


class Sender(Caller):
    """Somebody with spans; ``position`` is that of the last ones."""

    position = ""

    def span(self, **fields: Any) -> dict[str, Any]:
        ids = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8), "parent_id": "0"}
        at = int(time.time() * 1_000_000)
        about = {"workspace_id": self.space, "started_at_micros": at, "span_name": "chat", "span_type": "model"}
        return {**ids, **about, "input": "question", "output": "answer", **fields}

    def send(self, *spans: dict[str, Any]) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.http.post(INGEST, json={"spans": spans}, headers=headers)
        assert answer.json() == {"code": 0, "msg": ""}
        self.position = answer.headers["x-log-position"]

    def times(self) -> dict[str, str]:
        now = int(time.time() * 1000)
        return {"workspace_id": self.space, "start_time": str(now - HOUR), "end_time": str(now + HOUR)}

    def list(self, *fields: dict[str, Any], **asked: Any) -> dict[str, Any]:
        body = {**self.times(), "order_bys": [{"field": "start_time"}], "filters": {"filter_fields": fields}, **asked}
        headers = {"x-min-position": self.position}
        answer: dict[str, Any] = self.http.post(LIST, json=body, headers=headers).json()
        return answer

    def found(self, *fields: dict[str, Any], **asked: Any) -> list[str]:
        answer = self.list(*fields, **asked)
        assert answer["code"] == 0, answer
        return [s["span_id"] for s in answer["spans"]]

    def trace(self, trace_id: str, **asked: Any) -> dict[str, Any]:
        query = {**self.times(), "min_position": self.position, **asked}
        answer: dict[str, Any] = self.http.get(TRACE.format(trace_id), params=query).json()
        return answer


@pytest.fixture
def sender(platform_url: str) -> Sender:
    return Sender(platform_url, "sender")


def ids(*spans: dict[str, Any]) -> list[str]:
    return [s["span_id"] for s in spans]


def where(name: str, query_type: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"field_name": name, "query_type": query_type, "values": values, **more}


def test_a_span_is_shown_in_the_consoles_shape_as_soon_as_its_position_is_waited_for(sender: Sender) -> None:
    sent = sender.span(
        duration_micros=2_500_000,
        status_code=-1,
        tags_string={"model_name": "m", "error": "why"},
        tags_long={"input_tokens": 3, "output_tokens": 4, "latency_first_resp": 7_000},
        tags_double={"temperature": 0.5},
        tags_bool={"stream": True},
        system_tags_string={"runtime": "{}"},
    )
    sender.send(sent)
    [shown] = sender.list()["spans"]
    assert {k: shown[k] for k in ("trace_id", "span_id", "parent_id", "span_name", "input", "output")} == {
        k: sent[k] for k in ("trace_id", "span_id", "parent_id", "span_name", "input", "output")
    }
    assert (shown["duration"], shown["started_at"]) == ("2500", str(sent["started_at_micros"] // 1000))
    assert (shown["status"], shown["status_code"]) == ("error", -1)
    assert (shown["type"], shown["call_type"]) == ("model", "Custom")
    assert shown["custom_tags"] == {
        "model_name": "m",
        "error": "why",
        "input_tokens": "3",
        "output_tokens": "4",
        "latency_first_resp": "7",
        "temperature": "0.5",
        "stream": "true",
    }
    assert shown["system_tags"] == {"runtime": "{}", "clip_fields": "[]"}


def test_pages_follow_one_another_without_a_gap_or_a_span_twice(sender: Sender) -> None:
    now = int(time.time() * 1_000_000)
    spans = [sender.span(started_at_micros=now - 1000 * (n // 3)) for n in range(25)]
    sender.send(*spans)
    seen: list[str] = []
    token, more = "", True
    while more:
        page = sender.list(page_size=4, page_token=token)
        seen += [s["span_id"] for s in page["spans"]]
        token, more = page["next_page_token"], page["has_more"]
    order = sorted(spans, key=lambda s: (s["started_at_micros"], s["span_id"]), reverse=True)
    assert seen == ids(*order)


def test_a_filter_finds_what_it_says(sender: Sender) -> None:
    one = sender.span(input="the quick fox", tags_string={"tenant.id": "a"}, duration_micros=5_000, thread_id="")
    two = sender.span(status_code=1, tags_long={"tokens": 9}, tags_double={"cost": 0.25}, tags_bool={"ok": True})
    three = sender.span(span_type="tool", tags_string={"tenant.id": "b", "day": "2025-01-01"}, duration_micros=90_000)
    sender.send(one, two, three)
    every = {*ids(one, two, three)}
    assert set(sender.found()) == every
    assert sender.found(where("input", "match", "quick")) == ids(one)
    assert set(sender.found(where("input", "not_match", "quick"))) == every - {*ids(one)}
    assert sender.found(where("status", "in", "error")) == ids(two)
    assert sender.found(where("tenant.id", "eq", "a")) == ids(one)
    assert set(sender.found(where("tenant.id", "exist"))) == {*ids(one, three)}
    assert sender.found(where("tenant.id", "not_exist")) == ids(two)
    assert set(sender.found(where("tenant.id", "not_in", "a"))) == {*ids(two, three)}
    assert sender.found(where("day", "eq", "2025-01-01")) == ids(three)
    assert sender.found(where("tokens", "gt", "8", field_type="long")) == ids(two)
    assert sender.found(where("cost", "lte", "0.25", field_type="double")) == ids(two)
    assert sender.found(where("ok", "eq", "true", field_type="bool")) == ids(two)
    assert sender.found(where("duration", "gte", "90", field_type="long")) == ids(three)
    assert sender.found(span_list_type="llm_span") != []
    assert set(sender.found(span_list_type="llm_span")) == {*ids(one, two)}
    assert sender.found(platform_type="evaluator") == []
    either = {"query_and_or": "or", "filter_fields": [where("tenant.id", "eq", "b"), where("status", "in", "error")]}
    assert set(sender.found(filters=either)) == {*ids(two, three)}
    below = where("status", "in", "success", query_and_or="and", sub_filter={"filter_fields": [where("day", "exist")]})
    assert sender.found(below) == ids(three)


def test_a_trace_is_shown_whole_with_its_tokens_and_only_in_its_space(sender: Sender, platform_url: str) -> None:
    root = sender.span(span_type="graph")
    spent = {"tags_long": {"input_tokens": 3, "output_tokens": 4}}
    inner = [sender.span(trace_id=root["trace_id"], parent_id=root["span_id"], **spent) for _ in range(2)]
    sender.send(root, *inner)
    assert sender.found() == ids(root)
    answer = sender.trace(root["trace_id"])
    assert {s["span_id"] for s in answer["spans"]} == {*ids(root, *inner)}
    assert answer["traces_advance_info"] == {"trace_id": root["trace_id"], "tokens": {"input": "6", "output": "8"}}
    assert ids(*sender.trace(root["trace_id"], span_ids=inner[0]["span_id"])["spans"]) == ids(inner[0])
    other = Sender(platform_url, "other")
    assert other.trace(root["trace_id"])["code"] == 600903203
    assert other.trace(root["trace_id"], workspace_id=sender.space)["code"] == 600900101


def test_spans_and_their_table_are_there_after_a_restart_and_no_read_model_is_missed(tmp_path: Any) -> None:
    with Platform(tmp_path / "data") as platform:
        sender = Sender(platform.start().ready().url, "sender")
        sent = [sender.span() for _ in range(3)]
        sender.send(*sent)
        platform.stop()
        platform.start().ready()
        again = Sender(platform.url, "other")
        again.send(again.span())
        assert set(sender.found()) == {*ids(*sent)}
        assert len(again.found()) == 1


@pytest.mark.parametrize("position", ["spans:x", "traces:1", "spans:1,events:", "spans:-1", "spans:" + "9" * 19])
def test_a_position_that_is_none_is_refused(sender: Sender, position: str) -> None:
    answer = sender.trace("a" * 32, min_position=position)
    assert (answer["code"], "min_position" in answer["msg"]) == (602000202, True)


def test_positions_of_both_logs_are_waited_for(sender: Sender) -> None:
    sent = sender.span()
    sender.send(sent)
    sender.position = f"events:1,{sender.position}"
    assert sender.found() == ids(sent)
