"""These things happened to tags, then these rows are shown."""

from __future__ import annotations

from commands.tags.tag import tag_stream
from events.event import Erased
from events.tags import OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged, TagValue
from projections.tags.tag_versions import TAG_VERSIONS, list_tag_versions
from projections.tags.tags import TAGS, TagFilter, get_tag, get_tags, search_tags
from tests.projected import Projected

SPACE = "70"
GOOD = TagValue(value_id="1", name="good")


def created(id, name, **changes):
    facts = {
        "tag_key_id": id,
        "tag_type": "tag",
        "content_type": "categorical",
        "content": TagContent(name=name, values=(GOOD,)),
        "domains": ("data",),
        "version": "0.0.1",
        "name_reservation": "ab" * 16,
    }
    return TagCreated(**(facts | changes))


def revised(id, number, name, **changes):
    facts = {
        "tag_key_id": id,
        "version_num": number,
        "version": f"0.0.{number}",
        "status": "active",
        "content": TagContent(name=name),
        "domains": ("data", "observe"),
        "name_reservation": "ab" * 16,
    }
    return TagRevised(**(facts | changes))


def off(id, number, content):
    return TagStatusChanged(tag_key_id=id, version_num=number, content_num=content, status="inactive")


def shown(projected, **wanted):
    rows, total = projected.query(search_tags, TagFilter(SPACE, **wanted), "created_at", True, 10)
    return [row["name"] for row in rows], total


def test_a_tag_is_shown_as_its_newest_version_says():
    projected = Projected(TAGS).happened(
        tag_stream(SPACE, "100"), created("100", "quality"), revised("100", 2, "Grade"), off("100", 3, 2)
    )
    row = projected.query(get_tag, "100")
    assert (row["name"], row["version"], row["version_num"], row["status"]) == ("Grade", "0.0.2", 3, "inactive")
    assert row["updated_at"] > row["created_at"]
    assert projected.query(get_tags, "71", ["100"]) == []


def test_a_search_narrows_by_name_type_domain_and_creator_and_leaves_options_out():
    projected = (
        Projected(TAGS)
        .happened(tag_stream(SPACE, "1"), created("1", "Quality"), actor="7")
        .happened(
            tag_stream(SPACE, "2"), created("2", "tone", content_type="free_text", domains=("observe",)), actor="8"
        )
        .happened(tag_stream(SPACE, "3"), created("3", "part", tag_type="option"))
        .happened(tag_stream("71", "4"), created("4", "foreign"))
    )
    assert shown(projected) == (["Quality", "tone"], 2)
    assert shown(projected, name="tone") == (["tone"], 1)
    assert shown(projected, name_like="QUAL") == (["Quality"], 1)
    assert shown(projected, content_types=["free_text"]) == (["tone"], 1)
    assert shown(projected, domains=["data"]) == (["Quality"], 1)
    assert shown(projected, created_by=["8"]) == (["tone"], 1)


def test_pages_by_place_hold_each_tag_once():
    projected = Projected(TAGS)
    for number in range(7):
        projected.happened(tag_stream(SPACE, str(number)), created(str(number), f"t{number}"))
    seen, after = [], None
    while page := projected.query(search_tags, TagFilter(SPACE), "updated_at", False, 3, 0, after)[0]:
        seen += [row["name"] for row in page]
        after = (page[-1]["updated_at"], page[-1]["tag_key_id"])
    assert seen == [f"t{n}" for n in reversed(range(7))]


def test_an_option_that_became_a_tag_is_found():
    made = OptionMadeTag(**revised("100", 2, "grade").model_dump())
    projected = Projected(TAGS).happened(tag_stream(SPACE, "100"), created("100", "", tag_type="option"), made)
    assert shown(projected) == (["grade"], 1)


def test_every_version_shows_what_it_said_newest_first():
    history = [created("100", "quality"), revised("100", 2, "grade"), off("100", 3, 2), revised("100", 4, "rank")]
    projected = Projected(TAG_VERSIONS).happened(tag_stream(SPACE, "100"), *history)
    rows, total = projected.query(list_tag_versions, "100", 10)
    assert total == 4
    assert [(r["version_num"], "rank" in r["content"], "grade" in r["content"]) for r in rows] == [
        (4, True, False),
        (3, False, True),
        (2, False, True),
        (1, False, False),
    ]
    assert [r["version_num"] for r in projected.query(list_tag_versions, "100", 1, 0, 4)[0]] == [3, 2]


def test_what_was_erased_shows_nothing_that_was_typed():
    projected = Projected(TAGS).happened(tag_stream(SPACE, "100"), created("100", "quality", content=Erased()))
    row = projected.query(get_tag, "100")
    assert (row["name"], row["content"]) == ("", "{}")
