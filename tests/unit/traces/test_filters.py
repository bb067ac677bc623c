"""The grammar of filters: what is allowed becomes SQL, everything else is refused with its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.traces.filters import ALLOWED, Filter, FilterInvalid, Filters, condition
from projections.traces.table import literal


def sql(*fields: Filter, joined: str = "and") -> str:
    return condition(Filters(fields, joined))


def test_columns_tags_and_times_are_found_where_they_lie():
    assert sql(Filter("psm", op="eq", values=["a"])) == "ifNull(service_name = 'a', false)"
    assert sql(Filter("tenant.id", op="eq", values=["a"])) == "ifNull(tags_string.`tenant%2Eid`.:String = 'a', false)"
    assert sql(Filter("duration", "long", "gte", ["3"])) == "ifNull(duration >= 3000, false)"
    assert sql(Filter("input_tokens", "long", "lt", ["3"])) == "ifNull(input_tokens < 3, false)"
    assert sql(Filter("x", "bool", "eq", ["true"])) == "ifNull(tags_bool.`x`.:Bool = true, false)"


def test_a_custom_tag_may_be_called_like_a_column():
    assert "tags_string.`span_type`" in sql(Filter("span_type", op="eq", values=["a"], custom=True))


def test_fields_are_joined_and_a_field_joins_what_is_below_it():
    below = Filters((Filter("b", op="exist"), Filter("c", op="exist")), "or")
    made = sql(Filter("a", op="exist", below=below, joined="or"), Filter("d", op="not_exist"))
    a, b, c = (f"ifNull(tags_string.`{n}`.:String, '') != ''" for n in "abc")
    assert made == f"(({a} OR ({b} OR {c})) AND ifNull(tags_string.`d`.:String, '') = '')"


def test_status_is_success_error_or_both():
    assert sql(Filter("status", op="in", values=["success"])) == "status_code = 0"
    assert sql(Filter("status", op="in", values=["error"])) == "status_code != 0"
    assert sql(Filter("status", op="in", values=["error", "success"])) == "true"


def test_a_filter_without_fields_asks_nothing():
    assert condition(Filters()) == ""
    assert sql(Filter("", below=Filters())) == ""


@pytest.mark.parametrize(
    ("field", "where"),
    [
        (Filter("a", op=""), "query_type"),
        (Filter("a", op="gte", values=["1"]), "query_type"),
        (Filter("a", "long", "match", ["1"]), "query_type"),
        (Filter("a", "bool", "not_eq", ["true"]), "query_type"),
        (Filter("a", "text", "eq", ["1"]), "field_type"),
        (Filter("duration", op="in", values=["1"]), "field_type"),
        (Filter("a`b", op="eq", values=["1"]), "field_name"),
        (Filter("1a", op="eq", values=["1"]), "field_name"),
        (Filter("a", op="eq", values=[]), "values"),
        (Filter("a", op="match", values=["1", "2"]), "values"),
        (Filter("a", "long", "eq", ["x"]), "values.0"),
        (Filter("a", "long", "eq", ["9" * 19]), "values.0"),
        (Filter("a", "double", "eq", ["nan"]), "values.0"),
        (Filter("a", "double", "eq", ["1e999"]), "values.0"),
        (Filter("a", "bool", "eq", ["maybe"]), "values.0"),
        (Filter("status", op="eq", values=["success"]), "status"),
        (Filter("status", op="in", values=["broken"]), "status"),
        (Filter("manual_feedback_7", op="exist"), "field_name"),
        (Filter("a", op="exist", joined="xor", below=Filters()), "query_and_or"),
    ],
)
def test_what_the_grammar_does_not_know_is_refused_with_its_path(field, where):
    with pytest.raises(FilterInvalid, match=rf"filters\.filter_fields\.0.*{where}"):
        sql(field)


def test_endless_filters_are_refused():
    deep = Filters()
    for _ in range(60):
        deep = Filters((Filter("", below=deep),))
    with pytest.raises(FilterInvalid, match="deeply"):
        condition(deep)
    with pytest.raises(FilterInvalid, match="more than"):
        sql(*[Filter("a", op="exist")] * 501)


@given(st.text())
def test_a_text_is_one_literal_whatever_it_says(text):
    quoted = literal(text)
    inner = quoted[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "'" not in inner
    assert not inner.endswith("\\")


@given(
    st.text(max_size=10),
    st.sampled_from(["", "string", "long", "double", "bool", "x"]),
    st.sampled_from(sorted(set().union(*ALLOWED.values()))),
    st.lists(st.text(max_size=10), max_size=3),
)
def test_whatever_is_asked_is_sql_or_a_refusal(name, kind, op, values):
    try:
        said = "filters" if sql(Filter(name, kind, op, values)) or not name else ""
    except FilterInvalid as refused:
        said = str(refused)
    assert said.startswith("filters")
