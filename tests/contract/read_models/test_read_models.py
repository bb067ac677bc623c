"""Every read model on random histories, on the servers, against SQLite's rows (tests/property has SQLite itself)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from infra.sql import open_database
from tests.databases import fresh_database
from tests.histories import histories
from tests.read_models import CAPABILITIES, classes_of, grown_equals_rebuilt, nothing_is_left_half_done

few = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
"""Without shrinking: each example makes and drops every table; SQLite's run shrinks what is no server's fault."""
fewest = settings(few, max_examples=2)
"""Where an example is dozens of transactions, each of which dies at another statement."""


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.database(kind)) for kind in ("mysql", "postgresql")])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.mark.parametrize("capability", CAPABILITIES)
@few
@given(st.data(), st.lists(st.integers(0, 100), max_size=4), st.integers(0, 5))
async def test_rows_are_the_same_however_the_log_was_cut_repeated_or_replayed(
    address: str, capability: str, data: st.DataObject, cuts: list[int], again: int
) -> None:
    history = data.draw(histories(classes_of(capability)))
    database = open_database(address)
    try:
        await grown_equals_rebuilt(database, history, cuts, again)
    finally:
        await database.close()


@pytest.mark.parametrize("capability", CAPABILITIES)
@fewest
@given(st.data(), st.integers(0, 100))
async def test_a_batch_that_dies_anywhere_leaves_nothing_half_done(
    address: str, capability: str, data: st.DataObject, first: int
) -> None:
    history = data.draw(histories(classes_of(capability), most=12))
    database = open_database(address)
    try:
        await nothing_is_left_half_done(database, history, first)
    finally:
        await database.close()
