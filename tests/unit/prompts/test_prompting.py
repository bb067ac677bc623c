"""How a prompt with its variables becomes the messages of a model call (behaviour.md §3.5)."""

from __future__ import annotations

import pytest

from cozeloop.prompting import INVALID_PARAM, PromptNotRenderable, render, tools


def prompt(*messages, defs=(), template_type="normal"):
    return {
        "prompt_template": {
            "template_type": template_type,
            "messages": list(messages),
            "variable_defs": [{"key": k, "type": t} for k, t in defs],
        }
    }


def user(text):
    return {"role": "user", "content": text}


def only_text(detail, *variables):
    [message] = render(detail, variables)
    return message["content"]


def test_a_declared_variable_is_replaced_by_its_value():
    assert (
        only_text(prompt(user("Hi {{name}}!"), defs=[("name", "string")]), {"key": "name", "value": "Ada"}) == "Hi Ada!"
    )


def test_a_declared_variable_without_value_becomes_empty():
    assert only_text(prompt(user("Hi {{name}}!"), defs=[("name", "string")])) == "Hi !"


def test_an_undeclared_variable_stays_as_it_is():
    assert only_text(prompt(user("Hi {{name}}!")), {"key": "name", "value": "Ada"}) == "Hi {{name}}!"


def test_white_space_inside_braces_is_part_of_the_name():
    assert (
        only_text(prompt(user("{{ name }}"), defs=[("name", "string")]), {"key": "name", "value": "x"}) == "{{ name }}"
    )


@pytest.mark.parametrize("text", ["{{name", "name}}", "{ {name}}", "{{{name}}}", "{{}}"])
def test_what_is_no_tag_of_a_declared_variable_stays(text):
    assert only_text(prompt(user(text), defs=[("name", "string")]), {"key": "name", "value": "x"}) == text


def test_values_are_not_rendered_again():
    detail = prompt(user("{{a}}"), defs=[("a", "string"), ("b", "string")])
    assert only_text(detail, {"key": "a", "value": "{{b}}"}, {"key": "b", "value": "secret"}) == "{{b}}"


def test_a_typed_variable_puts_in_its_text():
    assert only_text(prompt(user("n={{n}}"), defs=[("n", "integer")]), {"key": "n", "value": "3"}) == "n=3"


def test_a_placeholder_is_replaced_by_its_messages_unrendered():
    detail = prompt(
        {"role": "placeholder", "content": "history"}, user("{{q}}"), defs=[("history", "placeholder"), ("q", "string")]
    )
    history = [user("{{q}}"), {"role": "assistant", "content": "hm"}]
    assert render(detail, [{"key": "history", "placeholder_messages": history}, {"key": "q", "value": "why"}]) == [
        {"role": "user", "content": "{{q}}"},
        {"role": "assistant", "content": "hm"},
        {"role": "user", "content": "why"},
    ]


@pytest.mark.parametrize("defs", [[], [("history", "string")], [("history", "placeholder")]])
def test_a_placeholder_without_messages_or_declaration_vanishes(defs):
    given = [] if ("history", "placeholder") in defs else [{"key": "history", "placeholder_messages": [user("x")]}]
    assert render(prompt({"role": "placeholder", "content": "history"}, defs=defs), given) == []


def test_a_placeholder_inside_a_placeholder_is_refused():
    detail = prompt({"role": "placeholder", "content": "h"}, defs=[("h", "placeholder")])
    with pytest.raises(PromptNotRenderable, match="placeholder") as refused:
        render(detail, [{"key": "h", "placeholder_messages": [{"role": "placeholder", "content": "h"}]}])
    assert refused.value.code == 600500202


def test_parts_are_rendered_expanded_and_empty_ones_dropped():
    parts = [
        {"type": "text", "text": "see {{what}}"},
        {"type": "multi_part_variable", "text": "gallery"},
        {"type": "image_url", "image_url": {"url": "https://x/1.png"}},
        {"type": "text", "text": "{{nothing}}"},
        {"type": "multi_part_variable", "text": "undeclared"},
    ]
    detail = prompt(
        {"role": "user", "parts": parts}, defs=[("what", "string"), ("gallery", "multi_part"), ("nothing", "string")]
    )
    gallery = [
        {"type": "image_url", "image_url": "https://x/2.png"},
        {"type": "base64_data", "base64_data": "data:image/png;base64,AA"},
    ]
    assert only_text(detail, {"key": "what", "value": "cats"}, {"key": "gallery", "multi_part_values": gallery}) == [
        {"type": "text", "text": "see cats"},
        {"type": "image_url", "image_url": {"url": "https://x/2.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "image_url", "image_url": {"url": "https://x/1.png"}},
    ]


@pytest.mark.parametrize(
    ("role", "skip_render", "rendered"),
    [
        ("user", None, True),
        ("user", True, False),
        ("system", False, True),
        ("assistant", None, False),
        ("assistant", False, True),
        ("assistant", True, False),
        ("tool", False, False),
    ],
)
def test_messages_of_the_caller_follow_and_are_rendered_by_role(role, skip_render, rendered):
    detail = prompt(user("first"), defs=[("x", "string")])
    message = {"role": role, "content": "{{x}}", "skip_render": skip_render}
    last = render(detail, [{"key": "x", "value": "1"}], [message])[-1]
    assert last["content"] == ("1" if rendered else "{{x}}")


@pytest.mark.parametrize("kind", ["jinja2", "go_template", "custom_template_m"])
def test_other_template_types_are_refused_until_they_are_built(kind):
    with pytest.raises(PromptNotRenderable, match=kind) as refused:
        render(prompt(user("x"), template_type=kind))
    assert refused.value.code == 600501006


def test_tool_calls_take_openais_form():
    call = {"index": "0", "id": "c1", "type": "function", "function_call": {"name": "f", "arguments": "{}"}}
    detail = prompt(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "42"}
    )
    assert render(detail) == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize(("config", "sent"), [(None, 0), ({"tool_choice": "none"}, 0), ({"tool_choice": "auto"}, 1)])
def test_tools_are_sent_unless_their_choice_is_none(config, sent):
    detail = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}],
        "tool_call_config": config,
    }
    assert len(tools(detail)) == sent


def test_a_tools_parameters_are_sent_as_the_schema_that_their_text_holds():
    function = {"name": "f", "parameters": '{"type": "object"}'}
    detail = {"tools": [{"type": "function", "function": function}], "tool_call_config": {"tool_choice": "auto"}}
    assert tools(detail)[0]["function"]["parameters"] == {"type": "object"}


def test_a_tools_parameters_that_are_not_json_are_refused():
    detail = {"tools": [{"function": {"name": "f", "parameters": "{"}}], "tool_call_config": {"tool_choice": "auto"}}
    with pytest.raises(PromptNotRenderable, match="parameters"):
        tools(detail)


def test_a_short_template_cannot_multiply_a_long_value_without_end():
    many = prompt(user("{{x}}" * 50_000), defs=[("x", "string")])
    with pytest.raises(PromptNotRenderable, match="'x': the prompt gets longer") as refused:
        render(many, [{"key": "x", "value": "long" * 50_000}])
    assert refused.value.code == INVALID_PARAM
