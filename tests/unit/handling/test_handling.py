"""A command's way through load, decision, append and receipt, on a log in memory."""

import asyncio
from datetime import UTC, datetime

import pytest

from commands.command import Command, Decider, Refusal
from cozeloop.handling import ATTEMPTS, CommandHandler, CommandReused, Contended, Issued, by_stream, fingerprint
from events.event import Event, Stream
from infra.eventstore.log import Conflict, Loaded, Unknown
from tests.memory_log import MemoryLog

NOW = datetime(2025, 1, 1, tzinfo=UTC)


class Counted(Event):
    amount: int


class Count(Command):
    id: str = "5"
    amount: int = 1
    limit: int = 100


class TooMuch(Refusal):
    """Over the limit."""


def stream(command, _):
    return (Stream("7", "counters", command.id),)


def evolve(total, event):
    return total + event.amount if isinstance(event, Counted) else total


def decide(total, command, _):
    if total + command.amount > command.limit:
        raise TooMuch(str(total))
    return [Counted(amount=command.amount)] if command.amount else []


COUNTER = Decider(0, stream, evolve, decide)


class StaleLog(MemoryLog):
    """Gives a cached state until it is asked for a fresh one, as the real log may."""

    def __init__(self):
        super().__init__()
        self.stale = None
        self.loads = []

    async def load(self, streams, initial, evolve, *, last_only=False, fresh=False):
        self.loads.append(fresh)
        loaded = await super().load(streams, initial, evolve)
        if self.stale is not None and not fresh:
            return Loaded(self.stale, {s.name: self.stale_tail for s in streams}, {}, cached=True)
        return loaded


def handler(log, commands=None, decider=COUNTER):
    return CommandHandler(log, {Count: decider}, lambda: NOW, commands)


def issued(command_id="c1", **more):
    return Issued(actor="9", command_id=command_id, **more)


async def test_a_receipt_tells_what_was_appended():
    log = MemoryLog()
    receipt = await handler(log)(Count(amount=3), issued())
    assert (receipt.position, receipt.one(Counted)) == (1, Counted(amount=3))
    meta = log.recorded[0].meta
    assert (meta.actor, meta.command_id, meta.occurred_at, meta.correlation) == ("9", "c1", NOW, "c1")


async def test_a_refusal_stores_nothing():
    log = MemoryLog()
    with pytest.raises(TooMuch):
        await handler(log)(Count(amount=101), issued())
    assert log.recorded == []


async def test_nothing_to_do_is_a_receipt_without_events():
    receipt = await handler(MemoryLog())(Count(amount=0), issued())
    assert (receipt.position, list(receipt.events)) == (0, [])


async def test_a_repeated_command_id_is_answered_from_the_log():
    """W3."""
    log = MemoryLog()
    first = await handler(log)(Count(amount=3), issued(digest="d"))
    again = await handler(log)(Count(amount=3), issued(digest="d"))
    assert [r.event for r in again.events] == [r.event for r in first.events]
    assert (again.position, len(log.recorded)) == (1, 1)


async def test_a_command_id_with_another_body_is_refused():
    log = MemoryLog()
    await handler(log)(Count(amount=3), issued(digest="d"))
    with pytest.raises(CommandReused):
        await handler(log)(Count(amount=4), issued(digest="e"))


async def test_a_key_that_was_used_on_another_stream_is_found_through_the_read_model():
    log = MemoryLog()
    first = await handler(log)(Count(id="5"), issued(digest="d"))

    class Known:
        async def find(self, command_id):
            return (first.position, "d") if command_id == "c1" else None

    again = await handler(log, Known())(Count(id="6"), issued(digest="d", keyed=True))
    assert [r.stream.id for r in again.events] == ["5"]
    assert len(log.recorded) == 1


async def test_a_lost_answer_is_resolved_by_the_commands_id():
    """W5."""
    log = MemoryLog()
    log.lose_next_answer = True
    receipt = await handler(log)(Count(), issued())
    assert (receipt.position, len(log.recorded)) == (1, 1)


async def test_an_append_that_did_not_happen_stays_unknown_rather_than_failed():
    log = MemoryLog()
    log.fail_next = Unknown("no answer")
    with pytest.raises(Unknown, match="may still arrive"):
        await handler(log)(Count(), issued())


async def test_a_lost_race_is_decided_again_on_what_the_winner_left():
    log = MemoryLog()
    log.fail_next = Conflict("somebody was first")
    receipt = await handler(log)(Count(), issued())
    assert receipt.position == 1


async def test_who_always_loses_is_told_to_try_again():
    class Losing(MemoryLog):
        tries = 0

        async def append(self, appends, tails, meta):
            self.tries += 1
            raise Conflict("lost")

    log = Losing()
    with pytest.raises(Contended):
        await handler(log)(Count(), issued())
    assert log.tries == ATTEMPTS


@pytest.mark.parametrize(("stale", "amount"), [(100, 1), (0, 0)])
async def test_a_refusal_and_an_empty_decision_on_a_cached_state_are_decided_again_on_a_fresh_one(stale, amount):
    log = StaleLog()
    await handler(log)(Count(amount=5), issued("c0"))
    log.stale, log.stale_tail = stale, (await MemoryLog.load(log, stream(Count(), 0), 0, evolve)).tails["7.counters.5"]
    log.loads.clear()
    receipt = await handler(log)(Count(amount=amount), issued())
    assert log.loads == [False, True]
    assert receipt.position == (2 if amount else 0)


async def test_a_blind_command_loads_nothing_before_its_first_try():
    log = StaleLog()
    blind = Decider(0, stream, evolve, decide, blind=True)
    await handler(log, decider=blind)(Count(), issued())
    assert log.loads == []
    again = await handler(log, decider=blind)(Count(), issued())
    assert (again.position, len(log.recorded)) == (1, 1)


async def test_prepared_facts_are_put_in_again_on_every_attempt():
    log = MemoryLog()
    log.fail_next = Conflict("first")
    seen = []

    async def prepare(command, tails):
        seen.append(tails["7.counters.5"].position)
        return command.model_copy(update={"amount": 10 + len(seen)})

    receipt = await handler(log)(Count(), issued(), prepare)
    assert (seen, receipt.one(Counted).amount) == ([0, 0], 12)


async def test_commands_of_one_stream_take_turns():
    """W9: a hot stream loses no race within a process."""

    class Slow(MemoryLog):
        conflicts = 0

        async def append(self, appends, tails, meta):
            await asyncio.sleep(0)
            try:
                return await super().append(appends, tails, meta)
            except Conflict:
                self.conflicts += 1
                raise

    log = Slow()
    handle = handler(log)
    await asyncio.gather(*(handle(Count(), issued(f"c{i}")) for i in range(50)))
    assert (len(log.recorded), log.conflicts) == (50, 0)


async def test_streams_that_the_state_brings_up_are_loaded_too():
    other = Stream("7", "counters", "6")

    def streams(command, total):
        return (*stream(command, total), other) if total else stream(command, total)

    log = MemoryLog()
    await handler(log)(Count(id="6", amount=7), issued("a"))
    await handler(log)(Count(id="5", amount=1), issued("b"))
    decider = Decider(0, streams, evolve, lambda total, c, x: [Counted(amount=total)])
    receipt = await handler(log, decider=decider)(Count(id="5"), issued("c"))
    assert receipt.one(Counted).amount == 8


def test_a_fingerprint_tells_parts_apart():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert len(fingerprint("x")) == 32


def test_events_are_grouped_by_stream_with_the_first_stream_first():
    a, b = Stream("7", "x", "1"), Stream("7", "x", "2")
    from commands.command import To

    grouped = by_stream(a, [Counted(amount=1), To(b, Counted(amount=2)), Counted(amount=3)])
    assert [(g.stream, [e.amount for e in g.events]) for g in grouped] == [(a, [1, 3]), (b, [2])]
