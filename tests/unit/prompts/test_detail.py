"""What a prompt's detail may hold, and how it looks to those who fetch it."""

from __future__ import annotations

import pytest

from commands.prompts.detail import check_detail
from commands.prompts.messages import PromptFieldInvalid
from cozeloop.api.prompts.translate import normalised, openapi_prompt
from cozeloop.api.values import canonical


def template(**changes):
    return {"prompt_template": {"template_type": "normal", "messages": [{"role": "user", "content": "x"}], **changes}}


@pytest.mark.parametrize(
    "detail",
    [
        {},
        template(),
        template(template_type="go_template"),
        template(has_snippet=False),
        template(messages=[{"role": "placeholder", "content": "history"}]),
        template(variable_defs=[{"key": "a", "type": "array<object>"}, {"key": "b"}]),
        {"tools": [{"function": {"name": "f"}}], "tool_call_config": {"tool_choice": "specific"}},
    ],
)
def test_what_every_reader_can_take_is_accepted(detail):
    assert check_detail(detail, "detail") is None


@pytest.mark.parametrize(
    ("detail", "naming"),
    [
        (template(template_type="mustache"), "detail.prompt_template.template_type"),
        (template(has_snippet=True), "has_snippet"),
        (template(messages=[{"content": "x"}]), r"messages\[0\].role"),
        (template(messages=[{"role": "user"}, {"role": "robot"}]), r"messages\[1\].role"),
        (template(messages=[{"role": "user", "parts": [{"type": "audio"}]}]), r"messages\[0\].parts\[0\].type"),
        (template(messages=[{"role": "assistant", "tool_calls": [{"type": "x"}]}]), r"tool_calls\[0\].type"),
        (template(messages=[{"role": "assistant", "tool_calls": [{"index": "x"}]}]), r"tool_calls\[0\].index"),
        (template(variable_defs=[{"key": "a", "type": "date"}]), r"variable_defs\[0\].type"),
        ({"tools": [{"type": "x"}]}, r"tools\[0\].type"),
        ({"tool_call_config": {"tool_choice": "x"}}, "tool_choice"),
    ],
)
def test_a_value_outside_the_contract_is_refused_by_its_path(detail, naming):
    with pytest.raises(PromptFieldInvalid, match=naming):
        check_detail(detail, "detail")


def test_empty_lists_of_messages_and_expanded_snippets_are_not_kept():
    given = template(messages=[{"role": "user", "content": "x", "parts": [], "tool_calls": []}], snippets=[{"id": "5"}])
    assert normalised(given) == template()


def test_one_value_has_one_canonical_text():
    assert canonical({"b": [1, "ü"], "a": None}) == canonical({"a": None, "b": [1, "ü"]}) == '{"a":null,"b":[1,"ü"]}'


def test_a_fetched_prompt_has_what_official_clients_require_and_no_nulls():
    detail = {
        "prompt_template": {
            "messages": [
                {"role": "user", "parts": [{"type": "image_url", "image_url": {"uri": "k", "url": "https://x/i.png"}}]},
                {"role": "assistant", "tool_calls": [{"index": "1", "id": "c", "function_call": {"arguments": "{}"}}]},
            ],
            "variable_defs": [{"key": "q"}],
        },
        "tools": [{"function": {"name": "f", "parameters": "{}"}}],
        "tool_call_config": {"tool_choice": "none"},
        "model_config": {"model_id": "5", "temperature": 0.5, "max_tokens": 7, "extra": "{}"},
    }
    assert openapi_prompt("70", "greeting", "0.0.1", detail) == {
        "workspace_id": "70",
        "prompt_key": "greeting",
        "version": "0.0.1",
        "prompt_template": {
            "template_type": "normal",
            "messages": [
                {"role": "user", "parts": [{"type": "image_url", "image_url": "https://x/i.png"}]},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "index": 1,
                            "id": "c",
                            "type": "function",
                            "function_call": {"name": "", "arguments": "{}"},
                        }
                    ],
                },
            ],
            "variable_defs": [{"key": "q", "desc": "", "type": "string"}],
        },
        "tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}],
        "tool_call_config": {"tool_choice": "none"},
        "llm_config": {"temperature": 0.5, "max_tokens": 7},
    }


def test_what_a_prompt_has_not_is_left_out_of_what_is_fetched():
    assert set(openapi_prompt("70", "k", "0.0.1", {})) == {"workspace_id", "prompt_key", "version"}
