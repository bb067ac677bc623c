"""Ingest over the edge: what is stored, what the answer says, and who is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cozeloop.api.traces import ingest, routes
from tests.in_memory import InMemory
from tests.unit.traces.spans import span

INGEST = "/v1/loop/traces/ingest"
LIST = "/api/observability/v1/spans/list"
INVALID, NO_PERMISSION, AWAY = 600904002, 600900101, 600900703


@pytest.fixture
async def memory() -> InMemory:
    made = InMemory(ingest.api, routes.api)
    await made.admit("7", space="70")
    return made


def fresh(memory: InMemory, **fields: Any) -> dict[str, Any]:
    return span(started_at_micros=int(memory.memory.now().timestamp() * 1e6), **fields)


def held(memory: InMemory) -> list[dict[str, Any]]:
    return [orjson.loads(line) for _, line in memory.platform.spans.held]


async def test_a_request_is_answered_when_its_spans_are_stored_with_their_position(memory):
    user = memory.client("7")
    spans = [fresh(memory), fresh(memory)]
    answer = await user.http.post(INGEST, json={"spans": spans})
    assert answer.json() == {"code": 0, "msg": ""}
    assert answer.headers["x-log-position"] == "spans:2"
    assert [r["span_id"] for r in held(memory)] == [s["span_id"] for s in spans]


async def test_spans_that_are_left_out_are_named_and_the_code_stays_nothing(memory):
    answer = await memory.client("7").post(INGEST, spans=[fresh(memory), fresh(memory, trace_id="x")])
    assert answer["code"] == 0
    assert "1 spans were left out: spans.1.trace_id" in answer["msg"]
    assert len(held(memory)) == 1


async def test_unknown_fields_are_ignored(memory):
    sent = fresh(memory, latency_first_resp=5, tags_bytes={"b": "x"}, whatever={"a": []})
    assert (await memory.client("7").post(INGEST, spans=[sent]))["code"] == 0
    assert held(memory)[0]["tags_string"] == {"b": "x"}


@pytest.mark.parametrize("spans", [None, [], "x", [1], [span()] * 101])
async def test_a_request_without_spans_or_with_too_many_is_refused(memory, spans):
    answer = await memory.client("7").post(INGEST, spans=spans)
    assert answer["code"] in (INVALID, 602000201)
    assert "spans" in answer["msg"]
    assert held(memory) == []


async def test_nobody_stores_spans_in_anothers_space(memory):
    await memory.admit("8", space="80")
    assert (await memory.client("8").post(INGEST, spans=[fresh(memory)]))["code"] == NO_PERMISSION
    assert held(memory) == []


async def test_a_question_is_refused_while_there_is_no_table(memory):
    at = str(int(memory.memory.now().timestamp() * 1000))
    answer = await memory.client("7").post(LIST, workspace_id="70", start_time=at, end_time=at)
    assert answer["code"] == AWAY


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"start_time": "0"}, "start_time"),
        ({"start_time": "1735689600001"}, "start_time"),
        ({"start_time": "1", "end_time": "2"}, "start_time"),
        ({"start_time": "9999999999999", "end_time": "9999999999999"}, "start_time"),
        ({"start_time": "9223372036854775807", "end_time": "9223372036854775807"}, "start_time"),
        ({"page_size": 1001}, "page_size"),
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": "e30="}, "page_token"),
        ({"page_token": "eyJTdGFydFRpbWUiOiIxIiwiU3BhbklEIjoxfQ=="}, "page_token"),
        ({"platform_type": "coze_bot"}, "platform_type"),
        ({"span_list_type": "some"}, "span_list_type"),
        ({"order_bys": [{"field": "a"}, {"field": "b"}]}, "order_bys"),
        ({"filters": {"filter_fields": [{"field_name": "a", "query_type": "gte", "values": ["1"]}]}}, "query_type"),
    ],
)
async def test_a_parameter_out_of_bounds_is_refused_with_its_name(memory, asked, named):
    times = {"start_time": "1735689600000", "end_time": "1735689600000"}
    answer = await memory.client("7").post(LIST, workspace_id="70", **{**times, **asked})
    assert answer["code"] == INVALID
    assert named in answer["msg"]
