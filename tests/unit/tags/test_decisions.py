"""What a tag's commands lead to, and which rules refuse them."""

from __future__ import annotations

import pytest

from commands.reservations import claim, release
from commands.tags.messages import (
    DOMAINS,
    FALLBACK,
    ChangeTagStatus,
    CreateTag,
    MakeOptionTag,
    ReviseTag,
    TagFieldInvalid,
    TagMissing,
    TagNameTaken,
    TagNotOption,
    TagStatusUnchanged,
    TagValuesInvalid,
)
from events.event import Erased
from events.tags import NumberRange, OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged, TagValue
from tests.specification import given

SPACE, ID, NAME, OTHER = "70", "100", "ab" * 16, "cd" * 16
GOOD, BAD = TagValue(value_id="1", name="good"), TagValue(value_id="2", name="bad")
ELSE = TagValue(value_id="9", name=FALLBACK, system=True)


def create(**changes):
    facts = {"space_id": SPACE, "tag_key_id": ID, "name": "quality", "name_reservation": NAME, "fallback_id": "9"}
    return CreateTag(**(facts | {"values": (GOOD, BAD)} | changes))


def created(**changes):
    facts = {
        "tag_key_id": ID,
        "tag_type": "tag",
        "content_type": "categorical",
        "content": TagContent(name="quality", values=(GOOD, BAD, ELSE)),
        "domains": DOMAINS,
        "version": "0.0.1",
        "name_reservation": NAME,
    }
    return TagCreated(**(facts | changes))


def revise(**changes):
    facts = {"space_id": SPACE, "tag_key_id": ID, "name": "quality", "name_reservation": NAME}
    return ReviseTag(**(facts | changes))


def turn(status):
    return ChangeTagStatus(space_id=SPACE, tag_key_id=ID, status=status)


def turned(status, number=2, content=1):
    return TagStatusChanged(tag_key_id=ID, version_num=number, content_num=content, status=status)


CLAIMED = claim(SPACE, "tag_name", NAME, ID)
EXISTING = given(created(), CLAIMED)


def test_a_categorical_tag_gets_a_value_for_what_fits_no_other_and_claims_its_name():
    given().when(create()).then(created(), CLAIMED)


def test_an_option_claims_no_name():
    given().when(create(tag_type="option", name_reservation="")).then(created(tag_type="option", name_reservation=""))


def test_a_name_that_another_holds_is_refused():
    given(claim(SPACE, "tag_name", NAME, "55")).when(create()).then_refused(TagNameTaken, "quality")


@pytest.mark.parametrize(
    ("content_type", "values"),
    [
        ("categorical", ()),
        ("categorical", tuple(TagValue(value_id=str(n), name=str(n)) for n in range(21))),
        ("categorical", (GOOD, TagValue(value_id="3", name="good"))),
        ("categorical", (TagValue(value_id="3", name=FALLBACK),)),
        ("boolean", (GOOD,)),
        ("boolean", (GOOD, BAD, TagValue(value_id="3", name="ugly"))),
        ("continuous_number", (GOOD,)),
        ("free_text", (GOOD,)),
    ],
)
def test_values_that_do_not_fit_the_type_are_refused(content_type, values):
    given().when(create(content_type=content_type, values=values)).then_refused(TagValuesInvalid, "tag_values")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "tag_key_name"),
        ({"name": "n" * 51}, "tag_key_name"),
        ({"description": "d" * 201}, "description"),
        ({"content_type": "colour"}, "tag_content_type"),
        ({"tag_type": "label"}, "tag_type"),
        ({"domains": ("data", "moon")}, "tag_domain_types"),
        ({"domains": ()}, "tag_domain_types"),
        ({"version": "1.0"}, "version"),
        ({"values": (TagValue(value_id="1", name=""),)}, "tag_values.tag_value_name"),
        ({"values": (TagValue(value_id="1", name="a", status="deprecated"),)}, "tag_values.status"),
        ({"number": NumberRange(min_value=1)}, "tag_content_spec"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(changes, field):
    given().when(create(**changes)).then_refused(TagFieldInvalid, field)


def test_the_ends_of_a_number_stand_in_their_order():
    numbers = {"content_type": "continuous_number", "values": ()}
    backwards = NumberRange(min_value=2, max_value=1)
    given().when(create(**numbers, number=backwards)).then_refused(TagFieldInvalid, "min_value")


def test_a_revision_keeps_what_it_does_not_name_and_counts_the_version_on():
    renamed = TagContent(name="grade", description="how good", values=(GOOD, BAD, ELSE))
    EXISTING.when(revise(name="grade", name_reservation=OTHER, description="how good")).then(
        TagRevised(
            tag_key_id=ID,
            version_num=2,
            version="0.0.2",
            status="active",
            content=renamed,
            domains=DOMAINS,
            name_reservation=OTHER,
        ),
        claim(SPACE, "tag_name", OTHER, ID),
        release(SPACE, "tag_name", NAME, ID),
    )


def test_a_revision_that_says_nothing_new_changes_nothing():
    EXISTING.when(revise(values=(GOOD, BAD))).then()


def test_new_values_bring_their_ids_and_the_fallback_stays():
    ugly = TagValue(value_id="3", name="ugly")
    EXISTING.when(revise(values=(GOOD, ugly), new_ids=("3",))).then(
        TagRevised(
            tag_key_id=ID,
            version_num=2,
            version="0.0.2",
            status="active",
            content=TagContent(name="quality", values=(GOOD, ugly, ELSE)),
            domains=DOMAINS,
            name_reservation=NAME,
        )
    )
    EXISTING.when(revise(values=(GOOD, ugly))).then_refused(TagValuesInvalid, "tag_value_id 3")


def test_the_type_of_a_tags_content_never_changes():
    EXISTING.when(revise(content_type="boolean")).then_refused(TagFieldInvalid, "tag_content_type")


def test_a_status_change_is_a_version_without_content_of_its_own():
    EXISTING.when(turn("inactive")).then(turned("inactive"))
    EXISTING.and_then(turned("inactive")).when(turn("active")).then(turned("active", 3))
    EXISTING.when(turn("active")).then_refused(TagStatusUnchanged, "active already")
    EXISTING.when(turn("gone")).then_refused(TagFieldInvalid, "to_status")


def test_a_deprecated_tag_gives_its_name_back_and_changes_no_more():
    EXISTING.when(turn("deprecated")).then(turned("deprecated"), release(SPACE, "tag_name", NAME, ID))
    gone = EXISTING.and_then(turned("deprecated"), release(SPACE, "tag_name", NAME, ID))
    gone.when(revise()).then_refused(TagMissing, ID)
    gone.when(turn("active")).then_refused(TagStatusUnchanged, "deprecated")


def test_an_option_becomes_a_tag_under_a_name_that_is_free():
    option = given(created(tag_type="option", name_reservation=""))
    promote = MakeOptionTag(space_id=SPACE, tag_key_id=ID, name="grade", name_reservation=OTHER)
    option.when(promote).then(
        OptionMadeTag(
            tag_key_id=ID,
            version_num=2,
            version="0.0.1",
            status="active",
            content=TagContent(name="grade", values=(GOOD, BAD, ELSE)),
            domains=DOMAINS,
            name_reservation=OTHER,
        ),
        claim(SPACE, "tag_name", OTHER, ID),
    )
    option.and_then(claim(SPACE, "tag_name", OTHER, "55")).when(promote).then_refused(TagNameTaken, "grade")
    EXISTING.when(promote).then_refused(TagNotOption, ID)


@pytest.mark.parametrize("command", [revise(), turn("inactive")])
def test_what_never_was_cannot_be_changed(command):
    given().when(command).then_refused(TagMissing, ID)


def test_a_tag_whose_content_was_erased_is_still_turned():
    given(created(content=Erased())).when(turn("inactive")).then(turned("inactive"))
