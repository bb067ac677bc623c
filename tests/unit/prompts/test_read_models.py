"""What the read models of prompts hold after something happened."""

from __future__ import annotations

import pytest

from events.event import Erased, Stream
from events.prompts import (
    PromptCommitted,
    PromptCreated,
    PromptDeleted,
    PromptRenamed,
    PromptSecurityLevelChanged,
)
from projections.prompts.prompt_commits import PROMPT_COMMITS, get_prompt_version, list_commits, settled_drafts
from projections.prompts.prompts import PROMPTS, Pointer, PromptFilter, find_keys, get_prompt, list_prompts
from tests.projected import Projected

SPACE = "7"


def stream(prompt_id="100"):
    return Stream(SPACE, "prompts", prompt_id)


def created(prompt_id="100", key="greeting", name="Greeting", **changes):
    facts = {
        "prompt_id": prompt_id,
        "prompt_key": key,
        "name": name,
        "description": "",
        "prompt_type": "normal",
        "security_level": "L3",
        "key_reservation": "ab",
    }
    return PromptCreated(**(facts | changes))


def committed(version="0.0.1", prompt_id="100", draft_revision=1, by="1", detail=None):
    return PromptCommitted(
        prompt_id=prompt_id,
        version=version,
        base_version="",
        description="why",
        detail=detail if detail is not None else {"n": version},
        digest="d",
        draft_revision=draft_revision,
        committed_by=by,
    )


def test_a_created_prompt_is_listed_without_a_version():
    Projected(PROMPTS).happened(stream(), created(), actor="42").then_rows(
        {"prompt_id": "100", "space_id": SPACE, "prompt_key": "greeting", "latest_version": "", "created_by": "42"}
    )


def test_a_renamed_prompt_is_found_by_its_new_name_and_its_key_but_not_its_old_name():
    projected = Projected(PROMPTS).happened(
        stream(), created(name="Old"), PromptRenamed(prompt_id="100", name="Größe 50%", description="d")
    )
    words = {"grösse": 1, "GRÖSSE 50%": 1, "größe": 1, "GREET": 1, "old": 0, "%": 1, "_": 0}
    listed = {w: projected.query(list_prompts, PromptFilter(SPACE, w), "created_at", False, 1, 10)[1] for w in words}
    assert listed == words


def test_a_commit_becomes_the_latest_version_even_when_its_number_is_lower():
    projected = Projected(PROMPTS).happened(stream(), created(), committed("1.0.0"), committed("0.9.0"))
    projected.then_rows({"latest_version": "0.9.0"})
    assert projected.query(find_keys, SPACE, ["greeting", "unknown"]) == {"greeting": Pointer("100", "0.9.0")}


def test_the_security_level_changes_alone():
    Projected(PROMPTS).happened(
        stream(), created(), PromptSecurityLevelChanged(prompt_id="100", security_level="L1")
    ).then_rows({"security_level": "L1", "name": "Greeting"})


def test_a_deleted_prompt_is_gone_for_questions_and_its_key_leads_to_the_next_holder():
    projected = (
        Projected(PROMPTS, PROMPT_COMMITS)
        .happened(stream(), created(), committed(), PromptDeleted(prompt_id="100"))
        .happened(stream("101"), created("101"), committed(prompt_id="101"))
    )
    assert projected.query(get_prompt, "100") is None
    assert projected.query(find_keys, SPACE, ["greeting"]) == {"greeting": Pointer("101", "0.0.1")}
    assert projected.query(list_prompts, PromptFilter(SPACE), "created_at", False, 1, 10)[1] == 1
    assert projected.query(get_prompt_version, "100", "0.0.1") is not None, "what pinned a version still reads it"


def test_another_spaces_prompts_are_not_found():
    projected = Projected(PROMPTS).happened(stream(), created())
    assert projected.query(find_keys, "8", ["greeting"]) == {}
    assert projected.query(list_prompts, PromptFilter("8"), "created_at", False, 1, 10) == ([], 0)


@pytest.mark.parametrize(
    ("order_by", "ascending", "ids"),
    [
        ("created_at", False, ["3", "2", "1"]),
        ("created_at", True, ["1", "2", "3"]),
        ("committed_at", False, ["1", "2", "3"]),
        ("committed_at", True, ["3", "2", "1"]),
    ],
)
def test_lists_come_in_the_order_asked_for(order_by, ascending, ids):
    projected = Projected(PROMPTS)
    for i in "123":
        projected.happened(stream(i), created(i, key=f"k{i}"))
    projected.happened(stream("2"), committed(prompt_id="2")).happened(stream("1"), committed(prompt_id="1"))
    rows, total = projected.query(list_prompts, PromptFilter(SPACE), order_by, ascending, 1, 10)
    assert ([r["prompt_id"] for r in rows], total) == (ids, 3)
    second, _ = projected.query(list_prompts, PromptFilter(SPACE), order_by, ascending, 2, 2)
    assert [r["prompt_id"] for r in second] == ids[2:]


def test_lists_are_narrowed_by_creator_and_by_having_a_version():
    projected = Projected(PROMPTS).happened(stream("1"), created("1", key="a"), actor="5")
    projected.happened(stream("2"), created("2", key="b"), committed(prompt_id="2"), actor="6")
    by_five = projected.query(list_prompts, PromptFilter(SPACE, created_by=["5"]), "created_at", False, 1, 10)
    with_version = projected.query(list_prompts, PromptFilter(SPACE, committed_only=True), "created_at", False, 1, 10)
    assert [r["prompt_id"] for r in by_five[0]] == ["1"]
    assert [r["prompt_id"] for r in with_version[0]] == ["2"]


@pytest.mark.parametrize(("ascending", "order"), [(False, "54321"), (True, "12345")])
def test_commits_are_paged_without_gaps_or_repeats_even_within_one_second(ascending, order):
    projected = Projected(PROMPT_COMMITS).happened(stream(), created())
    for i in range(1, 6):
        projected.happened(stream(), committed(f"0.0.{i}", draft_revision=i))
    seen, start = [], 0
    while True:
        rows, start = projected.query(list_commits, "100", 2, start, ascending, False)
        seen += [r["version"][-1] for r in rows]
        assert all("detail" not in r for r in rows)
        if not start:
            break
    assert seen == list(order)


def test_a_users_drafts_are_settled_up_to_their_own_last_commit():
    projected = Projected(PROMPT_COMMITS).happened(
        stream(), created(), committed("0.0.1", draft_revision=4, by="1"), committed("0.0.2", draft_revision=9, by="2")
    )
    assert projected.query(settled_drafts, "1", ["100", "101"]) == {"100": 4}
    assert projected.query(settled_drafts, "3", ["100"]) == {}


def test_erased_content_leaves_empty_texts():
    Projected(PROMPTS, PROMPT_COMMITS).happened(
        stream(),
        created(key=Erased(), name=Erased(), description=Erased()),
        PromptRenamed(prompt_id="100", name=Erased(), description=Erased()),
        committed(detail=Erased()),
    ).then_rows({"prompt_key": "", "name": "", "description": ""}).then_rows_of(PROMPT_COMMITS, {"detail": "{}"})
