"""A world of its own for each test."""

from __future__ import annotations

import pytest

from tests.unit.api.fakes import World


@pytest.fixture
async def world() -> World:
    return await World().begin()
