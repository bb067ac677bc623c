"""Fields and their keys, what rows may hold, and how far a user's JSON Schema may go."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from commands.datasets.messages import Cell, DatasetSchemaIncompatible, DatasetSchemaInvalid, GivenField
from commands.datasets.rows import MAX_DEPTH, Columns, content_digest
from commands.datasets.schema import changed_schema, first_schema
from commands.datasets.text_schema import Budget, compiled, looser, parsed
from events.datasets import Field


def keys(*fields):
    return [f.key for f in first_schema([f if isinstance(f, GivenField) else GivenField(name=f) for f in fields], 50)]


def text_field(**schema):
    return Field(key="t", name="t", text_schema=json.dumps(schema) if schema else "")


def why(fields, *cells, max_bytes=10_000):
    found = Columns(fields).data([Cell(**c) for c in cells], max_bytes, Budget())
    return found[0] if isinstance(found, tuple) else 0


def refused(schema, text):
    return bool(compiled(json.dumps(schema)).wrong(text, Budget()))


# --- fields


def test_a_key_is_the_name_where_it_can_be_one_and_numbered_where_it_is_taken():
    assert keys("answer", "Die Antwort", "答案", "key", "a" * 65) == ["answer", "key_1", "key_2", "key_3", "key_4"]
    assert keys(GivenField(key="b", name="a"), "b", "c") == ["b", "b_1", "c"]


@pytest.mark.parametrize("key", ["1a", "a-b", "a.b", "*", ">", "ä", "a" * 65])
def test_a_key_that_is_sent_follows_the_pattern(key):
    with pytest.raises(DatasetSchemaInvalid, match="key"):
        keys(GivenField(key=key, name="a"))


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["a", "a"],
        [""],
        ["a" * 129],
        [GivenField(name="a", key="k"), GivenField(name="b", key="k")],
        [GivenField(name="a", description="x" * 1025)],
        [GivenField(name="a", content_type="Smell")],
        [GivenField(name="a", default_format=6)],
        [GivenField(name="a", schema_key=9)],
        [GivenField(name="a", deleted=True)],
        [f"f{i}" for i in range(51)],
    ],
)
def test_these_fields_make_no_schema(fields):
    with pytest.raises(DatasetSchemaInvalid):
        keys(*fields)


def test_a_field_left_out_stays_deleted_and_may_come_back_under_its_key():
    before = first_schema([GivenField(name="a"), GivenField(name="b")], 50)
    without = changed_schema(before, [GivenField(key="a", name="A")], 50, empty=False)
    assert [(f.key, f.name, f.status) for f in without] == [("a", "A", "available"), ("b", "b", "deleted")]
    again = changed_schema(without, [GivenField(key="a", name="A"), GivenField(key="b", name="b")], 50, empty=False)
    assert [f.status for f in again] == ["available", "available"]
    fresh = changed_schema(without, [GivenField(key="a", name="A"), GivenField(name="b")], 50, empty=False)
    assert [f.key for f in fresh] == ["a", "b_1", "b"]


def test_a_rule_may_get_looser_but_not_stricter_while_there_are_rows():
    before = (text_field(type="integer", minimum=3),)

    def change(**schema):
        given = GivenField(key="t", name="t", text_schema=json.dumps(schema) if schema else "")
        return changed_schema(before, [given], 50, empty=False)

    assert change()
    assert change(type="integer", minimum=2)
    assert change(type="number")
    with pytest.raises(DatasetSchemaIncompatible):
        change(type="integer", minimum=4)
    with pytest.raises(DatasetSchemaIncompatible):
        change(type="integer", minimum=3, maximum=9)


@pytest.mark.parametrize(
    ("new", "old", "is_looser"),
    [
        ({}, {"type": "string"}, True),
        ({"type": "string"}, {}, False),
        ({"type": "string"}, {"type": "integer"}, False),
        ({"type": ["integer", "string"]}, {"type": "integer"}, False),  # how the text is read would change
        ({"type": "number"}, {"type": "integer"}, True),
        ({"type": "integer"}, {"type": "number"}, False),
        ({"type": "string", "title": "t"}, {"type": "string"}, True),
        ({"enum": [1, 2]}, {"enum": [1]}, True),
        ({"enum": [1]}, {"enum": [1, 2]}, False),
        ({"required": ["a"]}, {"required": ["a", "b"]}, True),
        ({"required": ["a", "b"]}, {"required": ["a"]}, False),
        ({"properties": {"a": {}}}, {"properties": {"a": {"type": "string"}, "b": {}}}, True),
        ({"properties": {"a": {"type": "string"}}}, {"properties": {"a": {}}}, False),
        ({"properties": {"c": {}}}, {"properties": {"a": {}}}, False),
        ({"properties": {}, "additionalProperties": False}, {"additionalProperties": False}, False),  # unsure
        ({"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"a": {}, "b": {}}}, False),
        ({"not": {}}, {"not": {"type": "string"}}, False),
        (True, {"type": "string"}, True),
        (False, {"type": "string"}, False),
    ],
)
def test_unsure_is_not_looser(new, old, is_looser):
    assert looser(new, old) is is_looser


# --- rows


def test_cells_come_to_data_by_key_then_by_name_and_deleted_fields_are_left_out():
    fields = [Field(key="a", name="A"), Field(key="old", name="A", status="deleted")]
    cells = [Cell(name="A", content={"text": "1"}), Cell(key="old", content={"text": "2"}), Cell(name="b", content={})]
    data, unknown = Columns(fields).resolve(cells)
    assert data == {"a": {"content_type": "Text", "text": "1"}}
    assert unknown == ["b"]


def test_the_first_thing_that_keeps_a_row_out_is_named_by_the_contracts_number():
    plain = text_field()
    required = plain.model_copy(update={"is_required": True})
    number = text_field(type="integer")
    picture = Field(key="t", name="t", content_type="Image")
    parts = Field(key="t", name="t", content_type="MultiPart")
    nested = {"text": "x"}
    for _ in range(MAX_DEPTH):
        nested = {"multi_part": [nested]}
    assert why([plain], {"key": "t", "content": {"text": "x"}}) == 0
    assert why([plain]) == 2
    assert why([plain], {"key": "u", "content": {"text": "x"}}) == 1
    assert why([plain], {"key": "t", "content": {"content_type": "Image"} | {"image": {"url": "u"}}}) == 1
    assert why([plain], {"key": "t", "content": {"text": "x" * 99}}, max_bytes=99) == 3
    assert why([required], {"key": "t", "content": {"text": ""}}) == 7
    assert why([plain], {"key": "t", "content": {"text": ""}}) == 0
    assert why([number], {"key": "t", "content": {"text": "five"}}) == 1
    assert why([number], {"key": "t", "content": {"text": "5"}}) == 0
    assert why([picture], {"key": "t", "content": {"image": {"url": "u"}}}) == 0
    assert why([parts], {"key": "t", "content": nested}) == 8
    assert why([parts], {"key": "t", "content": {"multi_part": [{"text": "x"}] * 101}}) == 14


def test_a_contents_digest_rests_on_ids_and_digests_alone_in_the_order_of_numbers():
    assert content_digest([["9:a", "10:b"], ["11:c"]]) == content_digest([["9:a"], [], ["10:b", "11:c"]])
    assert content_digest([["9:a"]]) != content_digest([["9:b"]])
    assert content_digest([["9:a", "10:b"]]) == sha256(b"9:a\n10:b\n").hexdigest()
    assert content_digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# --- a user's JSON Schema


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "maxLength": 3}, "abc", "abcd"),
        ({"type": "string"}, "[not json", None),
        ({"type": "integer"}, "5", "5.5"),
        ({"type": "boolean"}, "true", "True"),
        ({"type": "object", "required": ["a"]}, '{"a": 1}', "{}"),
        ({"type": "array", "uniqueItems": True}, '[1, "1"]', "[1, 1]"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "abc", "a1"),
        ({"type": "object", "patternProperties": {"^n": {"type": "number"}}}, '{"n": 1, "m": "x"}', '{"n": "x"}'),
        ({"enum": ["yes", 1]}, "yes", "no"),
        ({"type": "number"}, "1e5", "NaN"),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, "5", '"x"'),
    ],
)
def test_text_is_read_as_the_schema_says(schema, good, bad):
    assert not refused(schema, good)
    if bad is not None:
        assert refused(schema, bad)


@pytest.mark.parametrize(
    "text", ["[1]", "{", '{"type": "smell"}', '{"pattern": "(?=a)"}', '{"pattern": 5}', '"x"', "5"]
)
def test_what_is_no_schema_is_refused_when_it_is_set(text):
    with pytest.raises(DatasetSchemaInvalid, match="text_schema of field 'f'"):
        parsed(text, "f")


DOUBLING = {"$defs": {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(30)} | {"a30": {}}}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "array", "items": {"$ref": "#"}}, "[" * 90_000),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "1"),
        ({"$ref": "#/$defs/a0"} | DOUBLING, "1"),
        ({"type": "array", "items": {"enum": [str(i) for i in range(5000)]}}, json.dumps(["4999"] * 50_000)),
        ({"$ref": "http://127.0.0.1:1/schema"}, "1"),
        ({"type": "number", "multipleOf": 1e-300}, "1" + "0" * 400),
    ],
)
def test_a_schema_that_would_hold_everyone_up_refuses_the_text_instead(schema, text):
    assert refused(schema, text)


def test_a_pattern_that_backtracks_elsewhere_ends_here():
    assert refused({"type": "string", "pattern": "^(a+)+$"}, "a" * 60_000 + "b")


def test_the_rows_of_a_command_share_one_budget():
    budget = Budget(10)
    schema = compiled('{"type": "integer"}')
    answers = [schema.wrong("5", budget) for _ in range(12)]
    assert [bool(a) for a in answers] == [False] * 10 + [True] * 2
