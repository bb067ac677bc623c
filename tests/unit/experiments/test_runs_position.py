"""A log without experiments is followed too: where the process manager stands is kept every thousand events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cozeloop.workflows.runtime import SAVED_EVERY, ExperimentRuns
from events.event import Metadata, Recorded, Stream
from events.prompts import PromptDeleted
from infra.sql import open_database


async def nothing(*_: Any) -> Any:
    raise AssertionError("nothing is to be done for prompts")


def deleted(position: int) -> Recorded[PromptDeleted]:
    meta = Metadata("1", f"{position:032x}", datetime(2025, 1, 1, tzinfo=UTC))
    stream = Stream("7", "prompts", str(position))
    return Recorded(PromptDeleted(prompt_id="1"), stream, 1, position, f"{position}.0", None, meta, "")


async def test_a_thousand_events_of_others_are_passed_and_remembered(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'read.db'}")
    queue: Any = None
    runs = ExperimentRuns(database, nothing, queue, nothing)
    await runs.open()
    await runs.apply([deleted(position) for position in range(1, SAVED_EVERY + 1)])

    again = ExperimentRuns(database, nothing, queue, nothing)
    assert await again.open() == SAVED_EVERY
    await database.close()
