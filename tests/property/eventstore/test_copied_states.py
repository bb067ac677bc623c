"""Every state that a decider folds comes back equal from its copy, with its tails and commands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import DECIDERS
from infra.eventstore.log import Loaded, Seen, Tail
from infra.eventstore.snapshots import decoded, encoded
from tests.histories import events

FOLDS = {(d.evolve.__module__, type(d.initial)): d for d in DECIDERS.values() if d.last_only is not True}


@pytest.mark.parametrize("decider", FOLDS.values(), ids=lambda d: d.evolve.__module__)
@given(happened=st.lists(events(), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_state_comes_back_as_it_was(decider, happened):
    state = decider.initial
    for event in happened:
        state = decider.evolve(state, event)
    loaded = Loaded(state, {"70.a.1": Tail(3, 7, "ab")}, {"c": Seen(7, "d"), "b": Seen(9, "")})
    again = decoded(encoded(loaded), type(decider.initial))
    assert again == loaded
    assert list(again.commands) == ["c", "b"], "the oldest gives way first"
    assert [decider.evolve(again.state, e) for e in happened] == [decider.evolve(state, e) for e in happened]
