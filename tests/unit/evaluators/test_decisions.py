"""What an evaluator's commands lead to, and which rules refuse them."""

from __future__ import annotations

import pytest

from commands.evaluators.messages import (
    CreateEvaluator,
    DeleteEvaluator,
    EvaluatorCodeEmpty,
    EvaluatorContentMissing,
    EvaluatorDescriptionTooLong,
    EvaluatorLanguageUnsupported,
    EvaluatorMissing,
    EvaluatorNameInvalid,
    EvaluatorNameTaken,
    EvaluatorNameTooLong,
    EvaluatorTypeUnsupported,
    EvaluatorVersionDescriptionTooLong,
    EvaluatorVersionMalformed,
    EvaluatorVersionTaken,
    EvaluatorVersionTooLong,
    RenameEvaluator,
    SubmitEvaluatorVersion,
)
from commands.reservations import claim, release
from events.evaluators import EvaluatorCreated, EvaluatorDeleted, EvaluatorRenamed, EvaluatorVersionSubmitted
from tests.specification import given

SPACE, ID, NAME, OTHER = "70", "100", "ab" * 16, "cd" * 16
KIND = "evaluator_name"
CONTENT = {"code_evaluator": {"language_type": "Python", "code_content": "def exec_evaluation(turn): ..."}}


def create(**changes):
    facts = {
        "space_id": SPACE,
        "evaluator_id": ID,
        "version_id": "900",
        "evaluator_type": 2,
        "name": "Exact match",
        "description": "same text",
        "name_reservation": NAME,
        "content": CONTENT,
        "digest": "d1",
        "draft_revision": 1,
    }
    return CreateEvaluator(**(facts | changes))


def rename(**changes):
    return RenameEvaluator(**({"space_id": SPACE, "evaluator_id": ID} | changes))


def submit(version="0.0.2", **changes):
    facts = {
        "space_id": SPACE,
        "evaluator_id": ID,
        "version_id": "901",
        "version": version,
        "content": CONTENT,
        "digest": "d2",
        "draft_revision": 5,
    }
    return SubmitEvaluatorVersion(**(facts | changes))


DELETE = DeleteEvaluator(space_id=SPACE, evaluator_id=ID)
CREATED = EvaluatorCreated(
    evaluator_id=ID, evaluator_type=2, name="Exact match", description="same text", name_reservation=NAME
)
CLAIMED = claim(SPACE, KIND, NAME, ID)


def submitted(version="0.0.1", version_id="900", draft_revision=1, digest="d1"):
    return EvaluatorVersionSubmitted(
        evaluator_id=ID,
        version_id=version_id,
        version=version,
        description="",
        content=CONTENT,
        digest=digest,
        draft_revision=draft_revision,
    )


EXISTING = (CREATED, submitted(), CLAIMED)


def test_creating_an_evaluator_submits_its_first_version_and_claims_its_name():
    given().when(create()).then(CREATED, submitted(), CLAIMED)


def test_creating_under_a_taken_name_is_refused():
    given(claim(SPACE, KIND, NAME, "99")).when(create()).then_refused(EvaluatorNameTaken, "Exact match")


def test_a_deleted_evaluators_name_can_be_taken_again():
    after = given(*EXISTING).when(DELETE).then(EvaluatorDeleted(evaluator_id=ID), release(SPACE, KIND, NAME, ID))
    after.when(create(evaluator_id="101")).then_happened(
        EvaluatorCreated, EvaluatorVersionSubmitted, type(CLAIMED.event)
    )


@pytest.mark.parametrize(
    ("changes", "rule", "naming"),
    [
        ({"name": " "}, EvaluatorNameInvalid, "name"),
        ({"name": "n" * 51}, EvaluatorNameTooLong, "50"),
        ({"description": "d" * 201}, EvaluatorDescriptionTooLong, "200"),
        ({"version": "1"}, EvaluatorVersionMalformed, "version"),
        ({"version": "1.0." + "0" * 50}, EvaluatorVersionTooLong, "50"),
        ({"version_description": "d" * 201}, EvaluatorVersionDescriptionTooLong, "200"),
        ({"evaluator_type": 1}, EvaluatorContentMissing, "prompt_evaluator"),
        ({"evaluator_type": 4}, EvaluatorTypeUnsupported, "not built"),
        ({"evaluator_type": 9}, EvaluatorTypeUnsupported, "unknown"),
        ({"content": {}}, EvaluatorContentMissing, "code_evaluator"),
        ({"content": {**CONTENT, "prompt_evaluator": {}}}, EvaluatorContentMissing, "prompt_evaluator"),
        (
            {"content": {"code_evaluator": {"language_type": "JS", "code_content": "x"}}},
            EvaluatorLanguageUnsupported,
            "JS",
        ),
        (
            {"content": {"code_evaluator": {"language_type": "Python", "code_content": "\n "}}},
            EvaluatorCodeEmpty,
            "code",
        ),
    ],
)
def test_creating_what_breaks_a_rule_is_refused_by_name(changes, rule, naming):
    given().when(create(**changes)).then_refused(rule, naming)


def test_lengths_count_characters_not_bytes():
    given().when(create(name="😀" * 50, description="é" * 200)).then_happened(
        EvaluatorCreated, EvaluatorVersionSubmitted, type(CLAIMED.event)
    )


def test_code_may_stand_in_the_map_of_languages():
    content = {"code_evaluator": {"language_type": "Python", "lang_2_code_content": {"Python": "x = 1"}}}
    given().when(create(content=content)).then_happened(
        EvaluatorCreated, EvaluatorVersionSubmitted, type(CLAIMED.event)
    )


def test_renaming_claims_the_new_name_and_releases_the_old():
    given(*EXISTING).when(rename(name="Close match", name_reservation=OTHER)).then(
        EvaluatorRenamed(evaluator_id=ID, name="Close match", description="same text", name_reservation=OTHER),
        release(SPACE, KIND, NAME, ID),
        claim(SPACE, KIND, OTHER, ID),
    )


def test_describing_anew_touches_no_name():
    given(*EXISTING).when(rename(description="other")).then(
        EvaluatorRenamed(evaluator_id=ID, name="Exact match", description="other", name_reservation=NAME)
    )


def test_renaming_to_a_taken_name_is_refused():
    taken = given(*EXISTING, claim(SPACE, KIND, OTHER, "99"))
    taken.when(rename(name="Close match", name_reservation=OTHER)).then_refused(EvaluatorNameTaken, "Close match")


def test_renaming_to_what_it_is_called_changes_nothing():
    given(*EXISTING).when(rename(name="Exact match", name_reservation=NAME)).then_nothing_happened()
    given(*EXISTING).when(rename()).then_nothing_happened()


def test_submitting_takes_the_whole_draft():
    given(*EXISTING).when(submit()).then(submitted("0.0.2", "901", 5, "d2"))


def test_the_same_draft_may_be_submitted_under_another_version():
    after = given(*EXISTING).when(submit()).then_happened(EvaluatorVersionSubmitted)
    after.when(submit("0.0.3", version_id="902")).then_happened(EvaluatorVersionSubmitted)


def test_submitting_an_existing_version_is_refused():
    given(*EXISTING).when(submit("0.0.1")).then_refused(EvaluatorVersionTaken, "0.0.1")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"version": "v1"}, EvaluatorVersionMalformed),
        ({"version": "1.0." + "1" * 60}, EvaluatorVersionTooLong),
        ({"description": "d" * 201}, EvaluatorVersionDescriptionTooLong),
        ({"content": None}, EvaluatorContentMissing),
        ({"content": {"code_evaluator": {"language_type": "Python"}}}, EvaluatorCodeEmpty),
    ],
)
def test_submitting_what_breaks_a_rule_is_refused(changes, rule):
    given(*EXISTING).when(submit(**changes)).then_refused(rule)


@pytest.mark.parametrize("command", [rename(name="x", name_reservation=OTHER), submit(), DELETE])
@pytest.mark.parametrize("history", [[], [*EXISTING, EvaluatorDeleted(evaluator_id=ID)]])
def test_nothing_can_be_asked_of_an_evaluator_that_is_not_there(command, history):
    given(*history).when(command).then_refused(EvaluatorMissing, ID)
