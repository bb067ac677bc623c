"""A stream's name is read back as the stream that it names, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.event import Stream

TOKENS = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
KINDS = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


@given(TOKENS, TOKENS, TOKENS, st.one_of(st.just(""), KINDS), st.one_of(st.just(""), TOKENS))
def test_a_name_is_read_back_as_its_stream(space, capability, id, kind, part):
    stream = Stream(space, capability, id, kind, part if kind else "")
    again = Stream.parse(str(stream))
    assert again == stream
    assert (again.name, hash(again), repr(again)) == (stream.name, hash(stream), repr(stream))


@given(st.text(st.sampled_from("aZ0_-. *>\n\0é"), max_size=14))
def test_a_text_is_a_stream_s_name_only_when_that_stream_has_it(text):
    try:
        stream = Stream.parse(text)
    except ValueError:
        return
    assert Stream(stream.space, stream.capability, stream.id, stream.kind, stream.part).name == text


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.", "a..c", "a.b.Kind.1", "a.b.1.2", "a.b.k.1.2.3", "a.b.c\n", "a.*.c"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="not a stream"):
        Stream.parse(text)
