"""V2: a log with an event of a newer release. Read models skip it, its stream refuses commands, all else goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cozeloop.bootstrap import Embedded
from cozeloop.demo.tour import Tour
from cozeloop.settings import Settings
from events.event import Event, Metadata, Stream
from infra.eventstore.log import Append
from infra.messaging.lock import DataDirLock
from tests.e2e.processes import Platform, command

PROMPTS = "/api/prompt/v1/prompts"
NEWER = 600500702
"""The module's internal error: written by a newer version of this software."""


class PromptTranslated(Event):
    """An event that this release does not know."""

    prompt_id: str
    language: str


async def written_by_a_newer_release(data: Path, space: str, prompt_id: str) -> None:
    stream = Stream(space, "prompts", prompt_id)
    with DataDirLock(data) as lock:
        newer = Embedded(Settings(data_dir=data), lock, serving=False)
        await newer.start()
        try:
            log = newer.platform.log
            tails = (await log.load([stream], None, lambda state, event: state)).tails
            meta = Metadata("9", "ab" * 16, datetime(2030, 1, 1, tzinfo=UTC), correlation="ab" * 16)
            await log.append([Append(stream, [PromptTranslated(prompt_id=prompt_id, language="la")])], tails, meta)
        finally:
            await newer.stop()


@pytest.mark.slow
def test_an_event_of_a_newer_release_stops_its_stream_and_nothing_else(tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as platform:
        tour = Tour(platform.start().ready().url)
        tour.register()
        body = {"workspace_id": tour.space, "prompt_name": "mine"}
        newer, other = (tour.call("POST", PROMPTS, {**body, "prompt_key": k})["prompt_id"] for k in ("newer", "other"))
        assert platform.stop() == 0
        asyncio.run(written_by_a_newer_release(platform.data_dir, tour.space, newer))
        platform.start().ready()

        def rename(prompt_id: str) -> int:
            named = {"prompt_name": "renamed", "prompt_description": ""}
            return int(tour.http.put(f"{PROMPTS}/{prompt_id}", json=named).json()["code"])

        assert rename(newer) == NEWER
        assert rename(other) == 0
        assert tour.http.delete(f"{PROMPTS}/{newer}").json()["code"] == NEWER
        listed = tour.call("POST", f"{PROMPTS}/list", {"workspace_id": tour.space, "page_num": 1, "page_size": 10})
        assert sorted(p["prompt_basic"]["display_name"] for p in listed["prompts"]) == ["mine", "renamed"]
        assert tour.call("GET", f"{PROMPTS}/{newer}")["prompt"]["id"] == newer
        position = platform.health()[1]["log_position"]
        headers = {"authorization": f"Bearer {tour.token}"}
        past = tour.http.get(f"/v1/platform/as-of{PROMPTS}/{newer}?position={position}", headers=headers).json()
        assert past["prompt"]["prompt_basic"]["display_name"] == "mine"
        replayed = command("replay", "--all", "--data-dir", platform.data_dir)
        assert (replayed.exit_code, "stopped" in replayed.stdout) == (0, False)
        shown = command("events", "list", "--type", "PromptTranslated", "--data-dir", platform.data_dir)
        assert "PromptTranslated" in shown.stdout
        assert command("replay", "--parked", "--data-dir", platform.data_dir).stdout == "nothing is parked\n"
        assert command("verify", "--data-dir", platform.data_dir).exit_code == 0
        assert platform.stop() == 0
        assert "does not know PromptTranslated version 1" in platform.said
