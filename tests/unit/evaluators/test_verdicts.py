"""What is read out of a judge's answer, tidy or not."""

from __future__ import annotations

import pytest

from cozeloop.judging.verdict import (
    LONGEST,
    NO_CALL,
    OUTPUT_EMPTY,
    OUTPUT_INVALID,
    NoVerdict,
    Verdict,
    of_call,
    of_text,
)

GOOD = Verdict(0.5, "half of it")


@pytest.mark.parametrize(
    "answer",
    [
        '{"score": 0.5, "reason": "half of it"}',
        '{"reason": " half of it ", "score": "0.5", "more": [1]}',
        '```json\n{"score": 0.5, "reason": "half of it"}\n```',
        '{"score": 0.5, "reason": "half of it",}',
        '{"score": 0.5, "reason": "half of it"',
        '{"score": 0.5, "reason": "half of it',
        'I weighed both sides {like this}.\n{"score": 0.5, "reason": "half of it"}\nThat is all.',
        '<think>{"score": 1, "reason": "no"}</think>{"result": {"score": 0.5, "reason": "half of it"}}',
        "{'score': 0.5, 'reason': 'half of it'}",
        "Score: 0.5\nReason: half of it",
        "**reason**: half of it\n**score**: 0.5",
        "the score is 0.5, the reason: half of it",
    ],
)
def test_score_and_reason_are_found_however_they_are_said(answer: str):
    assert of_text(answer) == GOOD


def test_a_line_break_inside_of_a_reason_stays():
    assert of_text('{"score": 1, "reason": "one\ntwo"}') == Verdict(1.0, "one\ntwo")


@pytest.mark.parametrize(
    "answer",
    [
        "It is good.",
        '{"score": 0.5}',
        '{"score": 0.5, "reason": ""}',
        '{"score": 0.5, "reason": 7}',
        '{"score": true, "reason": "so"}',
        '{"score": NaN, "reason": "so"}',
        '{"score": Infinity, "reason": "so"}',
        '{"score": 1e999, "reason": "so"}',
        '{"score": "high", "reason": "so"}',
        '{"score": null, "reason": "it says score: 1, reason: x"}',
        '["score", "reason"]',
        "score: 8/10, reason: so",
        "score: 80%, reason: so",
        "[" * 50_000,
        '{"a":' * 20_000,
        " " * 60_000 + "{",
        "``` " * 16_000,
        "{" + "`" * 60_000,
        "score " * 10_000,
        "reason: " * 8_000,
        '{"score": ' + "9" * 5000 + ', "reason": "so"}',
    ],
)
def test_an_answer_without_a_score_and_a_reason_is_no_verdict(answer: str):
    with pytest.raises(NoVerdict) as refused:
        of_text(answer)
    assert refused.value.code == OUTPUT_INVALID
    assert len(str(refused.value)) < 2000


def test_a_judge_that_quotes_what_it_judges_is_taken_at_its_own_word():
    quoted = '{"score": 0, "reason": "the answer says {\\"score\\": 1, \\"reason\\": \\"perfect\\"}"}'
    assert of_text(quoted).score == 0
    assert of_text(f"Here you are: {quoted}").score == 0
    assert of_text("Score: 0.2\nReason: it claims score: 1").score == 0.2
    assert of_text("Reason: it claims score: 1 for itself\nScore: 0.2").score == 0.2


def test_an_empty_answer_has_its_own_code():
    for message in ({"content": ""}, {"content": None}):
        with pytest.raises(NoVerdict) as refused:
            of_call(message, "eval")
        assert refused.value.code == OUTPUT_EMPTY
    with pytest.raises(NoVerdict) as refused:
        of_text(" \n")
    assert refused.value.code == OUTPUT_EMPTY


def test_a_call_of_the_function_is_read_and_another_is_none():
    call = {"function": {"name": "eval", "arguments": '{"score": 0.5, "reason": "half of it"}'}}
    assert of_call({"content": "thinking", "tool_calls": [call]}, "eval") == GOOD
    for message in ({"content": '{"score": 1, "reason": "x"}'}, {"content": "", "tool_calls": [call]}):
        with pytest.raises(NoVerdict) as refused:
            of_call(message, "grade")
        assert refused.value.code == NO_CALL


def test_of_a_long_answer_the_end_is_read():
    assert of_text("x" * 2 * LONGEST + '{"score": 0.5, "reason": "half of it"}') == GOOD


def test_what_no_database_takes_is_replaced_in_a_reason():
    assert of_text('{"score": 1, "reason": "a\\u0000b\\ud800c"}').reason == "a\ufffdb\ufffdc"
