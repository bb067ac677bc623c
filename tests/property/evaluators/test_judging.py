"""Whatever a row or a judge says: a template is filled in once, and an answer gives a verdict or a refusal."""

from __future__ import annotations

import json
import math
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from cozeloop.judging.template import substituted
from cozeloop.judging.verdict import NoVerdict, Verdict, of_text

NAMES = st.sampled_from(["a", "b", "answer", "{{a}}", "x y"])
PIECES = st.sampled_from(
    ["{", "}", "{{", "}}", "{{a}}", "{{b}}", "{{ a }}", "a", "b", " ", "\n", "\\", '"', "\\1", "\\g<0>"]
)
HOSTILE = st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join)
INPUTS = st.dictionaries(NAMES, HOSTILE, max_size=4)
LITERAL = st.text(st.characters(exclude_characters="{}", exclude_categories=("Cs",)), max_size=6)
SAID = st.sampled_from(
    [
        "score",
        "reason",
        '"score"',
        '"reason"',
        ":",
        "=",
        " is ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "0.5",
        "1",
        "-3",
        '"',
        "'",
        "```",
        "\n",
    ]
)
ANSWERS = st.lists(SAID | st.text(max_size=5), max_size=25).map("".join)
REASONS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=60).filter(str.strip)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(st.tuples(LITERAL, st.sampled_from(["a", "b", "answer", "none"])), max_size=6), LITERAL, INPUTS)
def test_a_filled_template_is_its_literals_with_the_values_between_them(tags, end, inputs):
    contents = {name: {"content_type": "Text", "text": value} for name, value in inputs.items()}
    template = "".join(f"{literal}{{{{{name}}}}}" for literal, name in tags) + end
    assert substituted(template, contents) == "".join(f"{lit}{inputs.get(name, '')}" for lit, name in tags) + end


@given(HOSTILE, INPUTS)
def test_any_template_is_filled_in(template, inputs):
    contents = {name: {"content_type": "Text", "text": value} for name, value in inputs.items()}
    assert isinstance(substituted(template, contents), str)


@example(1.0, "it ends with ,} and ```", "Well: {}")
@example(1.0, ",]", "```json\n{}\n```")
@given(NUMBERS, REASONS, st.sampled_from(["{}", "Well: {}", "```json\n{}\n```", "{} So be it."]))
def test_what_a_judge_writes_as_json_is_read_back(score, reason, around):
    said = json.dumps({"reason": reason, "score": score}, ensure_ascii=False)
    assert of_text(around.replace("{}", said)) == Verdict(score, reason.strip())


@given(ANSWERS)
def test_any_answer_gives_a_finite_score_with_a_reason_or_a_refusal(answer):
    verdict = None
    with suppress(NoVerdict):
        verdict = of_text(answer)
    assert verdict is None or (math.isfinite(verdict.score) and verdict.reason.strip())
