"""Spans become rows as the contract says, or it is said which one does not and why (behaviour.md §7.1)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.traces.clipping import CONTENT_BYTES, FIELD_BYTES, clip
from commands.traces.normalise import HOUR, normalise, workspace
from commands.traces.refusals import SpansInvalid, SpanUnreadable
from tests.unit.traces.spans import NOW, span


def row(**fields: Any) -> dict[str, Any]:
    found = normalise([span(**fields)], "70", NOW)
    assert found.rejected == []
    return orjson.loads(found.lines[0])


def test_a_row_begins_with_the_ids_and_the_start_that_movers_read():
    line = normalise([span(trace_id="a" * 32, span_id="b" * 16)], "70", NOW).lines[0]
    assert line.startswith(b'{"trace_id":"' + b"a" * 32 + b'","span_id":"' + b"b" * 16 + b'","start_time":')


def test_well_known_tags_become_columns_and_the_rest_stays():
    made = row(tags_string={"model_name": "m", "x": "1"}, tags_long={"input_tokens": 3, "n": 4})
    assert (made["model_name"], made["tags_string"]) == ("m", {"x": "1"})
    assert (made["input_tokens"], made["tags_long"]) == (3, {"n": 4})


def test_a_column_of_nothing_stays_a_tag_so_that_it_is_not_lost():
    made = row(tags_string={"user_id": ""}, tags_long={"output_tokens": 0})
    assert (made["tags_string"], made["tags_long"]) == ({"user_id": ""}, {"output_tokens": 0})


def test_a_dot_in_a_tags_name_makes_no_path_of_it():
    assert row(tags_string={"a.b": "1", "a": "2", "50%": "3"})["tags_string"] == {"a%2Eb": "1", "a": "2", "50%25": "3"}


def test_what_an_sdk_leaves_out_is_empty():
    made = row(parent_id=None, status_code=None, input=None, output=None, tags_bool=None, span_name=None)
    assert (made["status_code"], made["input"], made["span_name"], made["method"]) == (0, "", "", "")


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ({"duration": 7, "duration_micros": None}, 7),
        ({"duration": 7, "duration_micros": 9}, 9),
        ({"duration_micros": -9}, 0),
        ({"duration_micros": "12"}, 12),
    ],
)
def test_the_duration_in_microseconds_wins_and_is_never_negative(given_, kept):
    assert row(**given_)["duration"] == kept


def test_negative_tokens_and_times_become_nothing_and_other_tags_stay():
    made = row(tags_long={"tokens": -5, "latency_first_resp": -1, "balance": -7})
    assert made["tags_long"] == {"tokens": 0, "latency_first_resp": 0, "balance": -7}


def test_what_an_sdk_says_of_the_call_type_is_not_believed():
    assert row(call_type="Evaluator")["call_type"] == "Custom"


def test_contents_are_kept_up_to_a_mebibyte_and_other_texts_up_to_a_kibibyte():
    made = row(input="ä" * CONTENT_BYTES, span_name="n" * 2000, tags_string={"t": "v" * 2000})
    assert len(made["input"].encode()) == CONTENT_BYTES
    assert (len(made["span_name"]), len(made["tags_string"]["t"])) == (FIELD_BYTES, FIELD_BYTES)
    assert set(orjson.loads(made["system_tags"]["clip_fields"])) == {"input", "span_name", "t"}


def test_a_span_has_at_most_fifty_tags_of_its_own():
    made = row(tags_string={f"s{i}": "v" for i in range(40)}, tags_long={f"l{i}": i for i in range(40)})
    assert len(made["tags_string"]) + len(made["tags_long"]) == 50


def test_system_tags_that_nobody_knows_are_dropped():
    made = row(system_tags_string={"runtime": "{}", "secret": "x"}, system_tags_long={"tool_input_tokens": 4})
    assert made["system_tags"] == {"runtime": "{}", "tool_input_tokens": 4, "clip_fields": "[]"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"trace_id": "A" * 32}, "trace_id"),
        ({"trace_id": "0" * 32}, "trace_id"),
        ({"trace_id": None}, "trace_id"),
        ({"span_id": "a" * 15}, "span_id"),
        ({"span_id": "ä" * 16}, "span_id"),
        ({"started_at_micros": NOW - 25 * HOUR}, "started_at_micros"),
        ({"started_at_micros": NOW + 2 * HOUR}, "started_at_micros"),
        ({"started_at_micros": None}, "started_at_micros"),
    ],
)
def test_a_span_that_cannot_be_one_is_left_out_with_the_field_named(fields, named):
    found = normalise([span(), span(**fields), span()], "70", NOW)
    assert len(found.lines) == 2
    assert [(r.index, r.reason.partition(":")[0]) for r in found.rejected] == [(1, named)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": 5}, "spans.0.input"),
        ({"status_code": "many"}, "spans.0.status_code"),
        ({"status_code": 1 << 31}, "spans.0.status_code"),
        ({"started_at_micros": 1.5}, "spans.0.started_at_micros"),
        ({"started_at_micros": True}, "spans.0.started_at_micros"),
        ({"started_at_micros": 1 << 63}, "spans.0.started_at_micros"),
        ({"tags_string": []}, "spans.0.tags_string"),
        ({"tags_string": {"k": 1}}, "spans.0.tags_string.k"),
        ({"tags_long": {"k": 0.5}}, "spans.0.tags_long.k"),
        ({"tags_double": {"k": "1"}}, "spans.0.tags_double.k"),
        ({"tags_bool": {"k": 2}}, "spans.0.tags_bool.k"),
        ({"call_type": 1}, "spans.0.call_type"),
    ],
)
def test_a_field_of_another_type_refuses_the_request_with_its_path(fields, named):
    with pytest.raises(SpanUnreadable, match=named):
        normalise([span(**fields)], "70", NOW)


@pytest.mark.parametrize(
    "spans",
    [[], None, [span(), span(workspace_id="71")], [span(workspace_id="x")], [span(workspace_id="")], [span()] * 101],
)
def test_a_request_without_one_workspace_or_with_too_many_spans_is_refused(spans):
    with pytest.raises(SpansInvalid, match="spans"):
        workspace(spans, 100)


@given(st.text(), st.integers(0, 40))
def test_a_clipped_text_is_the_longest_beginning_that_fits(text, limit):
    kept = clip(text, limit)
    assert text.startswith(kept)
    assert len(kept.encode()) <= limit
    if kept != text:
        assert len(text[: len(kept) + 1].encode()) > limit


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*span(), "duration", "system_tags_double"]), JSON))
def test_whatever_is_sent_is_a_row_or_a_refusal_that_says_why(fields):
    try:
        found = normalise([{**span(), **fields}], "70", NOW)
    except SpanUnreadable as refused:
        said = refused.detail
    else:
        said = "spans.0."
        assert len(found.lines) + len(found.rejected) == 1
        assert all(b"\n" not in line and orjson.loads(line) for line in found.lines)
    assert said.startswith("spans.0.")
