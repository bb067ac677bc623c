"""Whatever is asked of a space's tags in whatever order, these hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from commands.tags.messages import ChangeTagStatus, CreateTag, MakeOptionTag, ReviseTag
from commands.tags.tag import UNBORN, evolve
from events.event import Erased
from events.reservations import NameReleased
from events.tags import TagContent, TagCreated, TagRevised, TagStatusChanged, TagValue
from projections.tags.tag_versions import TAG_VERSIONS, list_tag_versions
from projections.tags.tags import TAGS, TagFilter, search_tags
from tests.one_space import OneSpace
from tests.projected import Projected

SPACE = "7"
NAMES = {"a": "aa", "b": "bb", "c": "cc"}
ids, names = st.sampled_from(["1", "2", "3"]), st.sampled_from(sorted(NAMES))
values = st.lists(st.sampled_from("xyz"), max_size=3, unique=True).map(
    lambda found: tuple(TagValue(value_id=f"9{ord(v)}", name=v) for v in found)
)
asked = st.one_of(
    st.builds(
        lambda id, name, kind, values: CreateTag(
            space_id=SPACE,
            tag_key_id=id,
            name=name,
            name_reservation=NAMES[name] if kind == "tag" else "",
            fallback_id="90",
            tag_type=kind,
            values=values,
        ),
        ids,
        names,
        st.sampled_from(["tag", "option"]),
        values,
    ),
    st.builds(
        lambda id, name, values: ReviseTag(
            space_id=SPACE,
            tag_key_id=id,
            name=name,
            name_reservation=NAMES[name],
            values=values,
            new_ids=tuple(v.value_id for v in values or ()),
        ),
        ids,
        names,
        st.one_of(st.none(), values),
    ),
    st.builds(
        ChangeTagStatus,
        space_id=st.just(SPACE),
        tag_key_id=ids,
        status=st.sampled_from(["active", "inactive", "deprecated"]),
    ),
    st.builds(
        lambda id, name: MakeOptionTag(space_id=SPACE, tag_key_id=id, name=name, name_reservation=NAMES[name]),
        ids,
        names,
    ),
)


@given(st.lists(asked, max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_name_leads_to_at_most_one_tag_and_versions_are_counted_without_a_gap(commands):
    space = OneSpace({CreateTag: "tag_key_id"})
    for command in commands:
        space.ask(command)

    projected = Projected(TAGS, TAG_VERSIONS)
    for stream, event in space.log:
        if stream.capability == "tags":
            projected.happened(stream, event)
    rows, total = projected.query(search_tags, TagFilter(SPACE), "created_at", True, 10)
    assert total == len(rows) == len({row["name"] for row in rows})
    assert {NAMES[row["name"]]: row["tag_key_id"] for row in rows} == space.holders()
    for row in rows:
        versions, number = projected.query(list_tag_versions, row["tag_key_id"], 100)
        assert [v["version_num"] for v in versions] == list(range(number, 0, -1))
        assert versions[0]["content"] == row["content"]
        assert versions[0]["status"] == row["status"]


events = st.one_of(
    st.builds(
        TagCreated,
        tag_key_id=ids,
        tag_type=st.text(max_size=3),
        content_type=st.text(max_size=3),
        content=st.one_of(st.just(Erased()), st.builds(TagContent, name=st.text(max_size=3))),
        domains=st.just(()),
        version=st.text(max_size=3),
        name_reservation=st.text(max_size=3),
    ),
    st.builds(
        TagRevised,
        tag_key_id=ids,
        version_num=st.integers(),
        version=st.text(max_size=3),
        status=st.text(max_size=3),
        content=st.just(Erased()),
        domains=st.just(("data",)),
        name_reservation=st.text(max_size=3),
    ),
    st.builds(
        TagStatusChanged,
        tag_key_id=ids,
        version_num=st.integers(),
        content_num=st.integers(),
        status=st.text(max_size=3),
    ),
    st.builds(NameReleased, reservation=st.text(max_size=3), owner=ids),
)


@given(st.lists(events, max_size=20))
@settings(deadline=None)
def test_evolve_never_raises_whatever_happened_in_whatever_order(history):
    state = UNBORN
    for event in history:
        state = evolve(state, event)
