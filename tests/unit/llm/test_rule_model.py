"""The demo's model goes by the prompt's own words, and the demo's rows are worth scoring."""

from __future__ import annotations

from typing import Any

import pytest

from commands.evaluators.scale import Scale
from cozeloop.demo import story
from cozeloop.demo.rule_model import answer
from cozeloop.judging.template import render
from cozeloop.judging.verdict import of_text


def said(instruction: str, ticket: str) -> str:
    return answer([{"role": "system", "content": instruction}, {"role": "user", "content": ticket}])


def test_listed_labels_and_one_label_asked_for_make_the_answer_a_label() -> None:
    assert said(story.STRICT, "Where is my parcel? The tracking page is empty.") == "shipping"


@pytest.mark.parametrize(
    "instruction",
    [
        story.VAGUE,
        "Labels:\n- billing\n- shipping",
        "Answer with exactly one label: billing, shipping or technical.",
        "",
    ],
)
def test_anything_less_leaves_the_form_to_the_model(instruction: str) -> None:
    ticket = "Where is my parcel? The tracking page has said nothing at all for six long days."
    assert said(instruction, ticket) == "This ticket should be handled by the Logistics team."


def test_only_listed_labels_are_given() -> None:
    labels = "- Refunds: money\n- Parcels\nAnswer with exactly one label."
    assert said(labels, "My parcels are late") == "Parcels"
    assert said(labels, "I want refunds") == "Refunds"


def test_the_last_user_message_is_the_ticket_in_text_or_parts() -> None:
    parts: list[dict[str, Any]] = [{"type": "text", "text": "the invoice is wrong"}]
    history = [
        {"role": "system", "content": story.STRICT},
        {"role": "user", "content": "where is my parcel"},
        {"role": "assistant", "content": "shipping"},
        {"role": "user", "content": parts},
    ]
    assert answer(history) == "billing"


def test_the_set_has_three_dozen_different_rows_over_all_teams() -> None:
    rows = story.tickets()
    assert len(rows) == len({row["input"] for row in rows}) == 36
    assert {row["reference_output"] for row in rows} == set(story.TEAMS)
    assert all(set(row) == {"input", "reference_output"} for row in rows)


def test_the_second_version_is_better_and_not_perfect() -> None:
    right = {
        prompt: sum(said(prompt, row["input"]) == row["reference_output"] for row in story.tickets())
        for prompt in (story.VAGUE, story.STRICT)
    }
    assert right == {story.VAGUE: 8, story.STRICT: 31}


def test_the_evaluator_compares_letter_for_letter_and_says_what_it_saw() -> None:
    class EvalOutput:
        def __init__(self, score: float, reason: str) -> None:
            self.score, self.reason = score, reason

    room: dict[str, Any] = {"EvalOutput": EvalOutput}
    exec(compile(story.evaluator(), "evaluator", "exec"), room)

    def scored(given: str) -> Any:
        return room["exec_evaluation"](
            {
                "evaluate_dataset_fields": {"reference_output": {"content_type": "Text", "text": "billing"}},
                "evaluate_target_output_fields": {"actual_output": {"content_type": "Text", "text": given}},
            }
        )

    assert (scored("billing").score, scored("billing").reason) == (1.0, "as expected: billing")
    assert (scored("Billing").score, scored("Billing").reason) == (0.0, "expected 'billing', given 'Billing'")


@pytest.mark.parametrize(
    ("given", "score"),
    [
        ("billing", 1.0),
        ("This is for the Billing team.", 1.0),
        ("Finance", 0.5),
        ("billing or shipping", 0.5),
        ("shipping", 0.0),
        ("Logistics", 0.0),
        ("billings", 0.0),
        ("", 0.0),
    ],
)
def test_as_a_judge_it_compares_the_answer_with_the_expected_team(given: str, score: float) -> None:
    row = {"input": "I paid twice.", "reference_output": "billing", "actual_output": given}
    inputs = {key: {"content_type": "Text", "text": value} for key, value in row.items()}
    verdict = of_text(answer(render(story.judge("1"), inputs, (), Scale(), "")))
    assert verdict.score == score
    assert "billing" in verdict.reason


def test_the_judge_is_kinder_to_the_vague_prompt_and_agrees_on_the_strict_one() -> None:
    average: dict[str, list[float]] = {}
    for prompt in (story.VAGUE, story.STRICT):
        for ticket in story.tickets():
            row = {**ticket, "actual_output": said(prompt, ticket["input"])}
            inputs = {key: {"content_type": "Text", "text": value} for key, value in row.items()}
            score = of_text(answer(render(story.judge("1"), inputs, (), Scale(), ""))).score
            average.setdefault(prompt, []).append(score)
            exact = row["actual_output"] == row["reference_output"]
            assert score == 1 or not exact
            assert prompt == story.VAGUE or score == exact
    assert sum(average[story.VAGUE]) / 36 > 8 / 36 + 0.2
    assert sum(average[story.STRICT]) == 31
