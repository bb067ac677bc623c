import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ids import SnowflakeIds


@given(st.lists(st.integers(min_value=1_700_000_000_000, max_value=1_700_000_000_050), min_size=1, max_size=400))
def test_ids_rise_and_never_repeat_however_the_clock_jumps(moments):
    clock = iter(moments)
    ids = SnowflakeIds(3, lambda: next(clock))
    made = [int(ids.new()) for _ in moments]
    assert all(a < b for a, b in itertools.pairwise(made))


def test_more_ids_than_a_millisecond_holds_go_on_in_the_next():
    ids = SnowflakeIds(1, lambda: 1_700_000_000_999)
    made = [int(i) for i in ids.block(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
    assert max(made) < 1 << 63


def test_an_id_has_the_layout_of_the_contract():
    made = int(SnowflakeIds(5, lambda: 1_700_000_000_123).new())
    assert (made >> 32, made >> 22 & 1023, made >> 14 & 255, made & 16383) == (1_700_000_000, 123, 0, 5)


def test_nodes_have_ids_of_their_own():
    a, b = SnowflakeIds(1, lambda: 1_700_000_000_000), SnowflakeIds(2, lambda: 1_700_000_000_000)
    assert not set(a.block(300)) & set(b.block(300))


@pytest.mark.parametrize("node", [-1, 1 << 14])
def test_a_node_number_out_of_range_is_refused(node):
    with pytest.raises(ValueError, match="node number"):
        SnowflakeIds(node)
