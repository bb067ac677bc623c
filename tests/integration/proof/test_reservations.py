"""W6: a name is held by one at a time, whoever asks at once, in whichever process."""

from __future__ import annotations

import asyncio

from commands.prompts.messages import PromptKeyTaken
from cozeloop.handling import Contended, Receipt
from tests.integration.proof.commanding import create, delete, effects, every_event, handler, keyed
from tests.integration.proof.conftest import verified


async def test_of_many_claims_of_one_name_by_two_processes_one_wins_and_the_others_are_refused(opened):
    handles = [handler(await opened()), handler(await opened())]
    tries = [handles[i % 2](create(str(100 + i), "wanted"), keyed(str(i))) for i in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    won = [r for r in results if isinstance(r, Receipt)]
    assert len(won) == 1
    assert all(isinstance(r, PromptKeyTaken | Contended) for r in results if r is not won[0])
    assert sum(isinstance(r, PromptKeyTaken) for r in results) >= 48
    log = await opened()
    assert await log.end() == 2
    assert (await verified(log)).problems == []


async def test_a_released_name_is_claimed_again_by_one_of_many(opened):
    logs = [await opened(), await opened()]
    handles = [handler(log) for log in logs]
    holder = "1"
    await handles[0](create(holder, "wanted"), keyed("first"))
    for turn in range(10):
        tries = [handles[i % 2](create(f"{turn + 2}{i}", "wanted"), keyed(f"{turn}-{i}")) for i in range(6)]
        release = handles[turn % 2](delete(holder), keyed(f"release-{turn}"))
        _, *results = await asyncio.gather(release, *tries, return_exceptions=True)
        if not any(isinstance(r, Receipt) for r in results):
            results = [await handles[0](create(f"{turn + 2}9", "wanted"), keyed(f"{turn}-again"))]
        [receipt] = [r for r in results if isinstance(r, Receipt)]
        holder = receipt.events[0].event.prompt_id
    names = [type(r.event).__name__ for r in await every_event(logs[0])]
    held = [name for name in names if name.startswith("Name")]
    assert held == ["NameClaimed", "NameReleased"] * 10 + ["NameClaimed"]
    assert names.count("PromptCreated") == 11
    assert set((await effects(logs[0])).values()) == {1}
