"""How far read models stay behind the answer, at 200 commands a second.

The platform runs in this process without its HTTP edge; 64 prompts are renamed in turn, at fixed times. Measured is
the time from the append's acknowledgement (the command handler returns) until every read model has reached the
command's position. Beside it a second feed of the same log, without decoding and read models: when a reader could
know at all.
Then the same rate through HTTP on a real ``cozeloop up``: an answer waits for the read models that show the command,
so its time holds the lag.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field

from commands.prompts.messages import CreatePrompt, RenamePrompt
from cozeloop.bootstrap import Embedded
from cozeloop.cli.looping import settle
from cozeloop.handling import Issued, fingerprint
from infra.messaging.feed import Feed
from tests.benchmarks import commands
from tests.benchmarks.figures import Figure, Goal, percentile
from tests.benchmarks.load import EACH, Load, drive
from tests.benchmarks.rigs import SPACE, embedded, served

RATE = 200
LONGEST = 5.0
numbers = itertools.count(1)


@dataclass
class Times:
    """When each position was acknowledged, reached by all read models, and delivered by the raw feed; seconds."""

    acknowledged: dict[int, float] = field(default_factory=dict)
    reached: dict[int, float] = field(default_factory=dict)
    delivered: dict[int, float] = field(default_factory=dict)

    def late(self, when: dict[int, float]) -> list[float]:
        """Milliseconds after the acknowledgement; what came before it is 0."""
        return [max(when[p] - at, 0.0) * 1e3 for p, at in self.acknowledged.items()]


async def measure(rounds: int, quick: bool) -> list[Figure]:
    seconds = 2.0 if quick else 5.0
    async with embedded() as platform:
        settle()
        ids = await prompts(platform)
        await one_round(platform, ids, 1.0)
        found = [await one_round(platform, ids, seconds) for _ in range(rounds)]
    lag = [times.late(times.reached) for times in found]
    raw = [times.late(times.delivered) for times in found]
    note = f"{RATE} updates a second, from the append's acknowledgement to Positions.reached of every read model"
    answers = await through_http(rounds, seconds)
    share = max(load.cpu_share for load in answers)
    return [
        Figure("read-model lag: p50", "ms", [percentile(each, 0.5) for each in lag]),
        Figure("read-model lag: p99", "ms", [percentile(each, 0.99) for each in lag], Goal(50, most=True), note),
        Figure("raw feed after the acknowledgement: p99", "ms", [percentile(each, 0.99) for each in raw]),
        Figure(f"answers at {RATE} commands/s: p50", "ms", [load.p50 for load in answers]),
        Figure(
            f"answers at {RATE} commands/s: p99",
            "ms",
            [load.p99 for load in answers],
            note=f"through HTTP, lag within; load generator ≤ {share:.0%} of a core",
        ),
        Figure("commands/s reached", "/s", [load.per_second for load in answers]),
    ]


async def one_round(platform: Embedded, ids: list[str], seconds: float) -> Times:
    times = Times()
    nc_feed = asyncio.create_task(raw_feed(platform, times))
    await asyncio.sleep(0.2)
    begun = time.perf_counter()
    under_way = []
    for number in range(int(seconds * RATE)):
        wait = begun + number / RATE - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        under_way.append(asyncio.create_task(one(platform, times, ids[number % len(ids)])))
    await asyncio.gather(*under_way)
    async with asyncio.timeout(LONGEST):
        while not times.delivered.keys() >= times.acknowledged.keys():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    nc_feed.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await nc_feed
    return times


async def one(embedded: Embedded, times: Times, prompt: str) -> None:
    platform = embedded.platform
    name = f"Bench {next(numbers)}"
    command = RenamePrompt(space_id=SPACE, prompt_id=prompt, name=name, description="Renamed again and again.")
    receipt = await platform.handle(command, Issued(actor="1", command_id=fingerprint(name)))
    times.acknowledged[receipt.position] = time.perf_counter()
    names = [model.name for model in platform.read_models]
    reached = await asyncio.gather(*(platform.positions.reached(n, receipt.position, LONGEST) for n in names))
    assert all(reached)
    times.reached[receipt.position] = time.perf_counter()


async def prompts(embedded: Embedded) -> list[str]:
    """New prompts to rename."""
    platform = embedded.platform
    await platform.keys.create(SPACE)
    ids = platform.ids.block(commands.STREAMS)
    for prompt in ids:
        digest = await platform.keys.digest(SPACE, prompt)
        command = CreatePrompt(space_id=SPACE, prompt_id=prompt, prompt_key=prompt, name=prompt, key_reservation=digest)
        await platform.handle(command, Issued(actor="1", command_id=fingerprint(prompt)))
    return ids


async def raw_feed(embedded: Embedded, times: Times) -> None:
    """Notes when messages arrive."""
    feed = Feed(embedded.platform.log._connect)
    async for batch in feed.batches(await embedded.platform.log.end()):
        now = time.perf_counter()
        for message in batch:
            times.delivered[message.sequence] = now


async def through_http(rounds: int, seconds: float) -> list[Load]:
    with served() as site:
        each = [commands.create(site, f"each.{number}") for number in range(commands.STREAMS)]
        update = f"/api/prompt/v1/prompts/{EACH}"
        make = commands.plan(site, "PUT", update, commands.renaming(site), 64, seconds, RATE, each)
        return [await drive(make(next(commands.FIRST))) for _ in range(rounds)]
