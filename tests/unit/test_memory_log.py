"""The log in memory keeps the promises that tests rest on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events.event import Event, Metadata, Stream
from events.reservations import NameClaimed, NameReleased
from infra.eventstore.log import Append, Conflict, LogUnavailable, Tail, Unknown
from tests.memory_log import MemoryLog, fits

A, B = Stream("1", "prompts", "5"), Stream("1", "reservations", "ab", "prompt_key")
CLAIMED, RELEASED = NameClaimed(reservation="ab", owner="5"), NameReleased(reservation="ab", owner="5")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def meta(command: str, second: int = 0) -> Metadata:
    return Metadata("7", command, BEGIN + timedelta(seconds=second))


def names(state: tuple[str, ...], event: Event) -> tuple[str, ...]:
    return (*state, type(event).__name__)


async def filled() -> MemoryLog:
    log = MemoryLog()
    first = await log.append([Append(A, [CLAIMED])], {}, meta("c1", 1))
    tail = Tail(1, 1, first[0].hash)
    await log.append([Append(A, [RELEASED]), Append(B, [CLAIMED])], {A.name: tail}, meta("c2", 2))
    return log


async def test_streams_are_folded_in_the_order_given_with_tails_and_commands() -> None:
    log = await filled()
    loaded = await log.load([B, A], (), names)
    assert loaded.state == ("NameClaimed", "NameClaimed", "NameReleased")
    assert (loaded.tails[A.name].version, loaded.tails[A.name].position) == (2, 2)
    assert loaded.commands["c2"].position == 2
    assert (await log.load([A], (), names, last_only=True)).state == ("NameReleased",)


async def test_an_append_on_a_stale_tail_stores_nothing() -> None:
    log = await filled()
    with pytest.raises(Conflict):
        await log.append([Append(Stream("1", "prompts", "6"), [CLAIMED]), Append(B, [RELEASED])], {}, meta("c3"))
    assert await log.end() == 3


async def test_a_command_is_found_whole_by_its_id() -> None:
    log = await filled()
    assert [r.position for r in await log.by_command("c2", 2)] == [2, 3]


async def test_a_bound_never_cuts_a_command() -> None:
    log = await filled()
    assert (await log.as_of([A], (), names, position=2)).state == ("NameClaimed",)
    assert (await log.as_of([A], (), names, position=3)).state == ("NameClaimed", "NameReleased")
    assert (await log.as_of([A], (), names, time=BEGIN + timedelta(seconds=1))).state == ("NameClaimed",)


async def test_failures_come_when_they_are_asked_for() -> None:
    log = await filled()
    log.fail_next = LogUnavailable("gone")
    with pytest.raises(LogUnavailable):
        await log.append([Append(Stream("1", "prompts", "6"), [CLAIMED])], {}, meta("c3"))
    assert await log.end() == 3
    log.lose_next_answer = True
    with pytest.raises(Unknown):
        await log.append([Append(Stream("1", "prompts", "6"), [CLAIMED])], {}, meta("c3"))
    assert await log.end() == 4


@pytest.mark.parametrize(
    ("filter", "name", "fit"),
    [
        (">", "1.prompts.5", True),
        ("1.>", "1.prompts.5", True),
        ("*.prompts.>", "1.prompts.5", True),
        ("1.prompts.5", "1.prompts.5", True),
        ("1.prompts.5.>", "1.prompts.5", False),
        ("2.>", "1.prompts.5", False),
        ("1.*", "1.prompts.5", False),
    ],
)
def test_filters_are_those_of_the_log(filter: str, name: str, fit: bool) -> None:
    assert fits(filter, name) is fit
