"""W1: of two writers with the same expectation exactly one wins, in any number of races."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from events.event import Stream
from events.reservations import NameClaimed
from infra.eventstore.log import Append, Conflict, Tail
from tests.integration.eventstore.conftest import Noted, meta, numbers
from tests.integration.proof.conftest import SOAK, verified

RACES = 10_000 if SOAK else 1_000


def stream_of(race: int) -> Stream:
    return Stream("7", "notes", str(race))


def name_of(race: int) -> Stream:
    return Stream("7", "reservations", f"{race:08x}", "name")


def single(race: int, who: int) -> list[Append]:
    return [Append(stream_of(race), [Noted(text="t", number=who)])]


def over_two_streams(race: int, who: int) -> list[Append]:
    """A note with the claim of its name; the second writer names the streams the other way round."""
    note = Append(stream_of(race), [Noted(text="t", number=who), Noted(text="t", number=who)])
    claim = Append(name_of(race), [NameClaimed(reservation=f"{race:08x}", owner=str(who))])
    return [note, claim] if who else [claim, note]


def over_one_shared_stream(race: int, who: int) -> list[Append]:
    """Each writer notes in a stream of its own and claims the same name."""
    own = Append(Stream("7", "notes", f"{race}", "by", str(who)), [Noted(text="t", number=who)])
    return [own, Append(name_of(race), [NameClaimed(reservation=f"{race:08x}", owner=str(who))])]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [
        single,
        pytest.param(over_two_streams, marks=pytest.mark.slow),
        pytest.param(over_one_shared_stream, marks=pytest.mark.slow),
    ],
)
async def test_of_two_processes_exactly_one_wins_each_race(opened, command):
    logs = [await opened(), await opened()]
    outcomes: Counter[tuple[int, int]] = Counter()
    stored = 0
    for race in range(RACES):
        commands = [command(race, who) for who in (0, 1)]
        tries = [
            log.append(appends, {a.stream.name: Tail() for a in appends}, meta(f"{race}-{who}"))
            for who, (log, appends) in enumerate(zip(logs, commands, strict=True))
        ]
        results = await asyncio.gather(*tries, return_exceptions=True)
        won = [r for r in results if isinstance(r, list)]
        outcomes[len(won), sum(isinstance(r, Conflict) for r in results)] += 1
        stored += len(won[0]) if won else 0
    assert outcomes == {(1, 1): RACES}
    assert await logs[0].end() == stored
    verdict = await verified(logs[0])
    assert (verdict.problems, verdict.events) == ([], stored)


@pytest.mark.parametrize("writers", [2, 8])
async def test_writers_on_one_stream_that_try_again_lose_nothing_and_write_nothing_twice(opened, writers):
    logs = [await opened() for _ in range(writers)]
    rounds = 200 // writers

    async def write(who: int, log) -> None:
        for turn in range(rounds):
            fresh = False
            while True:
                loaded = await log.load([stream_of(0)], (), numbers, fresh=fresh)
                note = Noted(text="t", number=who * 1000 + turn)
                try:
                    await log.append([Append(stream_of(0), [note])], loaded.tails, meta(f"{who}-{turn}"))
                except Conflict:
                    fresh = True
                else:
                    break

    await asyncio.gather(*(write(who, log) for who, log in enumerate(logs)))
    final = (await (await opened()).load([stream_of(0)], (), numbers)).state
    assert sorted(final) == [who * 1000 + turn for who in range(writers) for turn in range(rounds)]
    for who in range(writers):
        assert [n for n in final if n // 1000 == who] == [who * 1000 + turn for turn in range(rounds)]
