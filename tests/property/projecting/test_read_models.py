"""Every read model on random histories, on SQLite; the same on servers is in tests/contract/read_models."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sql import open_database
from tests.histories import histories
from tests.read_models import CAPABILITIES, classes_of, grown_equals_rebuilt, nothing_is_left_half_done

few = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("capability", CAPABILITIES)
@few
@given(st.data(), st.lists(st.integers(0, 100), max_size=4), st.integers(0, 5))
async def test_rows_are_the_same_however_the_log_was_cut_repeated_or_replayed(
    capability: str, data: st.DataObject, cuts: list[int], again: int
) -> None:
    history = data.draw(histories(classes_of(capability)))
    database = open_database("sqlite://")
    try:
        await grown_equals_rebuilt(database, history, cuts, again)
    finally:
        await database.close()


@pytest.mark.parametrize("capability", CAPABILITIES)
@few
@given(st.data(), st.integers(0, 100))
async def test_a_batch_that_dies_anywhere_leaves_nothing_half_done(
    capability: str, data: st.DataObject, first: int
) -> None:
    history = data.draw(histories(classes_of(capability), most=6))
    database = open_database("sqlite://")
    try:
        await nothing_is_left_half_done(database, history, first)
    finally:
        await database.close()
