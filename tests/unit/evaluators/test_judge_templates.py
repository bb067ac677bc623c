"""How a judge's prompt is made of its template and an item's inputs."""

from __future__ import annotations

import pytest

from commands.evaluators.scale import Scale
from cozeloop.judging.template import NotJudgeable, checked, render, substituted
from tests.unit.evaluators.judges import judge_content, message, text

IMAGE = {"content_type": "Image", "image": {"url": "https://example.com/a.png"}}


def rendered(content, inputs, history=(), function=""):
    return render(content, inputs, history, Scale(), function)


def test_every_tag_is_replaced_by_its_input_and_one_without_an_input_by_nothing():
    inputs = {"a": text("one"), "两": text("two")}
    assert substituted("{{a}} {{ a }} {{两}} [{{missing}}] {a}", inputs) == "one one two [] {a}"


def test_a_value_is_never_expanded_again():
    inputs = {"a": text("{{b}} {{{{b}}}} {{"), "b": text("secret}}")}
    assert substituted("{{a}}|{{b}}", inputs) == "{{b}} {{{{b}}}} {{|secret}}"


def test_two_values_that_make_a_tag_between_them_make_none():
    assert substituted("{{a}}{{b}}{{c}}", {"a": text("{"), "b": text("{c}"), "c": text("}")}) == "{{c}}"


def test_the_first_message_ends_with_how_to_answer_and_names_the_scale():
    first, second = rendered(judge_content(), {"input": text("hello")})
    assert first["role"] == "system"
    assert first["content"].startswith("Judge the answer.\n\nAnswer with one JSON object")
    assert "a number from 0 to 1" in first["content"]
    assert second == {"role": "user", "content": "hello"}


def test_a_judge_with_a_function_is_told_to_call_it():
    [first, _] = rendered(judge_content(), {}, function="eval")
    assert first["content"].endswith("Call the function eval with your reason and the score, a number from 0 to 1.")


def test_the_history_stands_behind_the_systems_messages_when_it_is_asked_for():
    history = [message(2, "{{input}}?"), message(3, "yes")]
    shown = rendered(judge_content(receive_chat_history=True), {"input": text("x")}, history)
    assert [m["role"] for m in shown] == ["system", "user", "assistant", "user"]
    assert shown[1]["content"] == "{{input}}?", "what was said is no template"
    assert len(rendered(judge_content(), {}, history)) == 2


def test_a_variable_of_several_parts_is_expanded_to_its_parts():
    parts = [text("Look: "), {"content_type": "multi_part_variable", "text": "picture"}]
    several = {"role": 2, "content": {"content_type": "MultiPart", "multi_part": parts}}
    value = {"content_type": "MultiPart", "multi_part": [text("{{x}}"), IMAGE]}
    [_, said] = rendered(judge_content(message(1, "Judge."), several), {"picture": value, "x": text("no")})
    assert said["content"] == [
        {"type": "text", "text": "Look: "},
        {"type": "text", "text": "{{x}}"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_an_image_is_no_text_and_one_without_an_address_is_none():
    with pytest.raises(NotJudgeable) as refused:
        rendered(judge_content(), {"input": IMAGE})
    assert refused.value.code == 601205000
    lost = {"role": 2, "content": {"content_type": "Image", "image": {"uri": ""}}}
    with pytest.raises(NotJudgeable) as refused:
        rendered(judge_content(lost), {})
    assert refused.value.code == 601205036


def test_inputs_are_held_to_their_schemas():
    schemas = [{"key": "n", "support_content_types": ["Text"], "json_schema": '{"type":"integer"}'}]
    assert checked(schemas, {"n": text("5"), "other": text("kept")}) == {"n": text("5"), "other": text("kept")}
    for inputs, code in (({"n": text("five")}, 601205004), ({"n": IMAGE}, 601205000)):
        with pytest.raises(NotJudgeable, match="'n'") as refused:
            checked(schemas, inputs)
        assert refused.value.code == code
    assert checked(schemas, {}) == {}


def test_an_input_that_is_missing_takes_its_default():
    schemas = [{"key": "n", "default_value": text("7")}]
    assert checked(schemas, {}) == {"n": text("7")}
    assert checked(schemas, {"n": text("8")}) == {"n": text("8")}


def test_a_prompt_that_gets_too_long_is_refused_before_it_is_made():
    long = text("x" * 100_000)
    tags = judge_content(message(1, "{{a}}" * 50_000))
    parts = [{"content_type": "multi_part_variable", "text": "a"}] * 8_000
    several = judge_content({"role": 1, "content": {"content_type": "MultiPart", "multi_part": parts}})
    for content in (tags, several):
        with pytest.raises(NotJudgeable, match="longer than") as refused:
            rendered(content, {"a": long})
        assert refused.value.code == 601205029
