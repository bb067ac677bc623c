"""What a prompt's commands lead to, and which rules refuse them."""

from __future__ import annotations

import pytest

from commands.prompts.messages import (
    CommitPrompt,
    CreatePrompt,
    DeletePrompt,
    PromptDraftMissing,
    PromptFieldInvalid,
    PromptKeyTaken,
    PromptMissing,
    PromptTypeUnsupported,
    PromptVersionMalformed,
    PromptVersionTaken,
    RenamePrompt,
)
from commands.reservations import claim, release
from events.event import Erased
from events.prompts import (
    PromptCommitted,
    PromptCreated,
    PromptDeleted,
    PromptRenamed,
    PromptSecurityLevelChanged,
)
from tests.specification import ACTOR, given

SPACE, ID, KEY = "70", "100", "ab" * 16
DETAIL = {"prompt_template": {"template_type": "normal", "messages": [{"role": "user", "content": "Hi"}]}}


def create(**changes):
    facts = {
        "space_id": SPACE,
        "prompt_id": ID,
        "prompt_key": "greeting",
        "name": "Greeting",
        "description": "says hello",
        "key_reservation": KEY,
    }
    return CreatePrompt(**(facts | changes))


def rename(**changes):
    return RenamePrompt(**({"space_id": SPACE, "prompt_id": ID, "name": "Greeting"} | changes))


def commit(version="0.0.1", **changes):
    facts = {
        "space_id": SPACE,
        "prompt_id": ID,
        "version": version,
        "description": "first",
        "detail": DETAIL,
        "base_version": "",
        "draft_revision": 5,
        "digest": "d1",
    }
    return CommitPrompt(**(facts | changes))


DELETE = DeletePrompt(space_id=SPACE, prompt_id=ID)
CREATED = PromptCreated(
    prompt_id=ID,
    prompt_key="greeting",
    name="Greeting",
    description="says hello",
    prompt_type="normal",
    security_level="L3",
    key_reservation=KEY,
)
CLAIMED = claim(SPACE, "prompt_key", KEY, ID)
RELEASED = release(SPACE, "prompt_key", KEY, ID)


def committed(version="0.0.1", draft_revision=5, by=ACTOR):
    return PromptCommitted(
        prompt_id=ID,
        version=version,
        base_version="",
        description="first",
        detail=DETAIL,
        digest="d1",
        draft_revision=draft_revision,
        committed_by=by,
    )


def test_creating_a_prompt_claims_its_key():
    given().when(create()).then(CREATED, CLAIMED)


def test_creating_a_prompt_under_a_taken_key_is_refused():
    given(claim(SPACE, "prompt_key", KEY, "99")).when(create()).then_refused(PromptKeyTaken, "greeting")


def test_a_deleted_prompts_key_can_be_taken_again():
    after = given(CREATED, CLAIMED).when(DELETE).then(PromptDeleted(prompt_id=ID), RELEASED)
    after.when(create(prompt_id="101")).then_happened(PromptCreated, type(CLAIMED.event))


@pytest.mark.parametrize(
    ("changes", "naming"),
    [
        ({"prompt_key": ""}, "prompt_key"),
        ({"prompt_key": "k" * 129}, "prompt_key"),
        ({"name": ""}, "prompt_name"),
        ({"name": "n" * 129}, "prompt_name"),
        ({"description": "d" * 1025}, "prompt_description"),
        ({"security_level": "L9"}, "security_level"),
    ],
)
def test_creating_with_a_field_over_its_limit_is_refused_by_name(changes, naming):
    given().when(create(**changes)).then_refused(PromptFieldInvalid, naming)


def test_fields_at_their_limit_are_accepted():
    limits = create(prompt_key="k" * 128, name="😀" * 128, description="d" * 1024)
    given().when(limits).then_happened(PromptCreated, type(CLAIMED.event))


def test_snippets_are_refused_until_they_are_built():
    given().when(create(prompt_type="snippet")).then_refused(PromptTypeUnsupported, "snippet")


def test_renaming_states_name_and_description():
    given(CREATED).when(rename(name="Hello", description="new")).then(
        PromptRenamed(prompt_id=ID, name="Hello", description="new")
    )


def test_renaming_without_a_description_keeps_it():
    given(CREATED).when(rename(name="Hello")).then(PromptRenamed(prompt_id=ID, name="Hello", description="says hello"))


def test_renaming_to_what_it_is_called_changes_nothing():
    given(CREATED).when(rename()).then_nothing_happened()


def test_an_unstated_security_level_falls_back_to_the_default():
    raised = PromptSecurityLevelChanged(prompt_id=ID, security_level="L1")
    after = given(CREATED).when(rename(security_level="L1")).then(raised)
    after.when(rename()).then(PromptSecurityLevelChanged(prompt_id=ID, security_level="L3"))


def test_committing_takes_the_whole_draft():
    given(CREATED).when(commit()).then(committed())


def test_a_lower_version_may_follow_a_higher():
    given(CREATED, committed("1.0.0")).when(commit("0.0.1", draft_revision=6)).then_happened(PromptCommitted)


def test_committing_an_existing_version_is_refused():
    given(CREATED, committed()).when(commit(draft_revision=6)).then_refused(PromptVersionTaken, "0.0.1")


def test_committing_without_a_draft_is_refused():
    given(CREATED).when(commit(detail=None, draft_revision=0)).then_refused(PromptDraftMissing)


def test_a_committed_draft_cannot_be_committed_again():
    given(CREATED, committed()).when(commit("0.0.2")).then_refused(PromptDraftMissing)


def test_another_users_older_draft_is_still_theirs_to_commit():
    given(CREATED, committed(draft_revision=9)).when(commit("0.0.2", draft_revision=4), by="8").then_happened(
        PromptCommitted
    )


@pytest.mark.parametrize(
    "version", ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "1.0.0-", "1.0.x", "1.0." + "9" * 130]
)
def test_committing_under_what_is_no_semantic_version_is_refused(version):
    given(CREATED).when(commit(version)).then_refused(PromptVersionMalformed, "commit_version")


@pytest.mark.parametrize("version", ["0.0.1", "10.20.30", "1.0.0-beta.1", "1.0.0+build.5"])
def test_semantic_versions_are_accepted(version):
    given(CREATED).when(commit(version)).then_happened(PromptCommitted)


def test_a_commit_description_over_its_limit_is_refused():
    given(CREATED).when(commit(description="d" * 1025)).then_refused(PromptFieldInvalid, "commit_description")


@pytest.mark.parametrize("command", [rename(), commit(), DELETE])
@pytest.mark.parametrize("history", [[], [CREATED, PromptDeleted(prompt_id=ID)]])
def test_nothing_can_be_asked_of_a_prompt_that_is_not_there(command, history):
    given(*history).when(command).then_refused(PromptMissing, ID)


def test_a_prompt_whose_texts_are_erased_can_still_be_renamed_and_deleted():
    erased = CREATED.model_copy(update={"name": Erased(), "description": Erased(), "prompt_key": Erased()})
    given(erased).when(rename(name="New")).then(PromptRenamed(prompt_id=ID, name="New", description=Erased()))
    given(erased).when(DELETE).then(PromptDeleted(prompt_id=ID), RELEASED)
