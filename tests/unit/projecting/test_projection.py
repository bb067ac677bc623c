"""Rows and position move together; what cannot be applied is parked; tables are built anew beside the live ones."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select

from cozeloop.projecting import Fenced, ForeignLog, Halted, Projection
from cozeloop.projecting.tables import PARKED, Parked, standings
from cozeloop.projecting.tables import parked as parked_streams
from events.event import Event
from infra.sql.database import SqlDatabase
from projections.projector import ReadModel
from tests.projected import History
from tests.unit.projecting.fakes import Closed, ListLog, Opened, Paid, account, balances, rows_of, strict


class Unheard(Event):
    """Nothing that a balance knows of."""


async def opened(database: SqlDatabase, history: History, *models: ReadModel) -> Projection:
    projection = Projection(database, models, ListLog(history), log_id="log-1")
    await projection.open()
    return projection


async def replayed(projection: Projection, *models: ReadModel) -> list[dict[str, Any]]:
    return [dict(p) async for p in projection.replay(models)]


def parked(conn: Connection) -> list[tuple[Any, ...]]:
    t = PARKED.c
    return [tuple(r) for r in conn.execute(select(t.model, t.stream, t.position, t.error).order_by(t.position))]


def tables(conn: Connection) -> set[str]:
    return set(inspect(conn).get_table_names()) - {"read_models", "parked", "projector"}


async def test_rows_and_position_survive_a_restart(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a"), Paid(sum=5)))
    assert (await opened(database, history, model)).position == 2
    assert await database.read(rows_of, model) == [("1", "a", 5)]


async def test_a_model_that_an_event_does_not_concern_moves_without_a_change(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    await projection.apply(history.happened(account("1"), Unheard(), Unheard()))
    assert (projection.positions.of("balances"), projection.positions.changed("balances")) == (3, 1)
    await replayed(projection, model)
    assert projection.positions.changed("balances") == 3, "another table"


async def test_an_event_that_was_applied_before_changes_nothing(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    first = history.happened(account("1"), Opened(owner="a"))
    then = history.happened(account("1"), Closed())
    await projection.apply([*first, *then])
    await projection.apply(first)
    assert await database.read(rows_of, model) == []
    assert projection.position == 2


async def test_a_second_runner_on_the_same_database_is_fenced(database: SqlDatabase) -> None:
    history, model = History(), balances()
    one, other = await opened(database, history, model), await opened(database, history, model)
    batch = history.happened(account("1"), Opened(owner="a"))
    await one.apply(batch)
    with pytest.raises(Fenced):
        await other.apply([*batch, *history.happened(account("2"), Opened(owner="b"))])
    assert await database.read(rows_of, model) == [("1", "a", 0)]
    assert await other.open() == 1


async def test_an_event_that_the_projector_cannot_take_parks_its_stream_and_no_other(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(
        [
            *history.happened(account("1"), Opened(owner="a"), Paid(sum=-1), Paid(sum=3)),
            *history.happened(account("2"), Opened(owner="b"), Paid(sum=4)),
        ]
    )
    assert await database.read(rows_of, model) == [("1", "a", 0), ("2", "b", 4)]
    first, later = await database.read(parked)
    assert first == ("balances", "7.accounts.1", 2, "Paid: WontCount: -1")
    assert later[2] == 3
    assert projection.position == 5


async def test_a_parked_stream_stays_parked_after_a_restart(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a"), Paid(sum=-1)))
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Paid(sum=3)))
    assert await database.read(rows_of, model) == [("1", "a", 0)]
    assert len(await database.read(parked)) == 2


async def unparked(projection: Projection, *models: ReadModel) -> list[dict[str, Any]]:
    return [dict(p) async for p in projection.replay_parked(models)]


async def test_after_the_fix_the_parked_events_are_applied_in_their_order(database: SqlDatabase) -> None:
    """R6: a replay of what was parked; the rows are those of a replay of everything."""
    history, broken, mended = History(), balances(), balances(refuses=False)
    projection = await opened(database, history, broken, balances(name="other", refuses=False))
    await projection.apply(
        [
            *history.happened(account("1"), Opened(owner="a"), Paid(sum=-1), Paid(sum=3)),
            *history.happened(account("2"), Opened(owner="b")),
            *history.happened(account("1"), Unheard(), Paid(sum=7)),
            *history.happened(account("3"), Opened(owner="c"), Paid(sum=-4)),
        ]
    )
    assert await database.read(parked_streams) == [
        Parked("balances", "7.accounts.1", 2, 3, "Paid: WontCount: -1"),
        Parked("balances", "7.accounts.3", 8, 1, "Paid: WontCount: -4"),
    ]
    projection = await opened(database, history, mended, balances(name="other", refuses=False))
    assert await unparked(projection, mended) == [
        {"read_model": "balances", "stream": "7.accounts.1", "events": 3, "state": "applied"},
        {"read_model": "balances", "stream": "7.accounts.3", "events": 1, "state": "applied"},
    ]
    assert await database.read(parked) == []
    assert await unparked(projection, mended) == []
    await projection.apply(history.happened(account("1"), Paid(sum=9)))
    rows = await database.read(rows_of, mended)
    assert rows == [("1", "a", 9), ("2", "b", 0), ("3", "c", -4)]
    await replayed(projection, mended)
    assert await database.read(rows_of, mended) == rows


async def test_what_still_cannot_be_taken_stays_parked_from_there_on(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a"), Paid(sum=-1), Paid(sum=3), Paid(sum=5)))
    [line] = await unparked(projection, model)
    assert (line["state"], line["reason"]) == ("parked", "Paid: WontCount: -1")
    assert [p.events for p in await database.read(parked_streams)] == [3]
    await projection.apply(history.happened(account("1"), Paid(sum=6)))
    assert await database.read(rows_of, model) == [("1", "a", 0)]


async def test_a_fenced_runner_applies_nothing_of_what_is_parked(database: SqlDatabase) -> None:
    history, broken, mended = History(), balances(), balances(refuses=False)
    zombie = await opened(database, history, broken)
    await zombie.apply(history.happened(account("1"), Opened(owner="a"), Paid(sum=-1)))
    zombie = await opened(database, history, mended)
    other = await opened(database, history, mended)
    await other.apply(history.happened(account("2"), Opened(owner="b")))
    with pytest.raises(Fenced):
        await unparked(zombie, mended)
    assert [p.stream for p in await database.read(parked_streams)] == ["7.accounts.1"]
    assert [line["state"] for line in await unparked(other, mended)] == ["applied"]
    assert (await database.read(rows_of, mended))[0] == ("1", "a", -1)


async def test_a_stopped_model_is_not_unparked_but_says_to_replay_it_whole(database: SqlDatabase) -> None:
    history, broken = History(), balances()
    projection = await opened(database, history, broken)
    for n in range(101):
        await projection.apply(history.happened(account(str(n)), Opened(owner="a"), Paid(sum=-1)))
    [line] = await unparked(projection, broken)
    assert line["state"] == "stopped"
    assert line["reason"].startswith("replay it whole: ")


async def test_an_event_that_the_database_refuses_is_parked_and_the_batch_goes_on(database: SqlDatabase) -> None:
    history, model = History(), strict()
    projection = await opened(database, history, model, balances())
    await projection.apply(
        [
            *history.happened(account("1"), Opened(owner="a")),
            *history.happened(account("2"), Opened(owner="b"), Opened(owner="again")),
            *history.happened(account("3"), Opened(owner="c")),
        ]
    )
    assert [r[1] for r in await database.read(rows_of, model)] == ["a", "b", "c"]
    assert [r[1] for r in await database.read(rows_of, balances())] == ["a", "again", "c"]
    assert [r[:3] for r in await database.read(parked)] == [("strict", "7.accounts.2", 3)]


async def test_a_model_that_parks_more_than_a_hundred_streams_stops_and_the_others_go_on(database: SqlDatabase) -> None:
    history, broken, sound = History(), balances(), balances(name="sound", refuses=False)
    projection = await opened(database, history, broken, sound)
    for n in range(101):
        await projection.apply(history.happened(account(str(n)), Opened(owner="a"), Paid(sum=-1)))
    assert "101 streams are parked" in projection.stopped["balances"]
    await projection.apply(history.happened(account("500"), Opened(owner="b")))
    assert (projection.positions.of("balances"), projection.positions.of("sound")) == (202, 203)
    assert await projection.lag() == {"balances": 1, "sound": 0}
    again = await opened(database, history, broken, sound)
    assert list(again.stopped) == ["balances"]
    assert again.position == 203


async def test_a_stopped_model_is_whole_again_after_its_fix_and_a_replay(database: SqlDatabase) -> None:
    history, broken, mended = History(), balances(), balances(refuses=False)
    projection = await opened(database, history, broken)
    for n in range(101):
        history.happened(account(str(n)), Opened(owner="a"), Paid(sum=-1))
    await projection.apply(history.recorded)
    assert (await replayed(projection, broken))[-1]["state"] == "stopped"
    with pytest.raises(Halted):
        await projection.apply(history.happened(account("500"), Opened(owner="b")))
    projection = await opened(database, history, mended)
    assert (await replayed(projection, mended))[-1]["state"] == "switched"
    assert not projection.stopped
    assert len(await database.read(rows_of, mended)) == 101
    assert await database.read(parked) == []


async def test_a_raised_version_builds_the_table_anew_at_open(database: SqlDatabase) -> None:
    history = History()
    projection = await opened(database, history, balances(), balances(name="other"))
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    await opened(database, history, balances(version=2), balances(name="other"))
    assert await database.read(rows_of, balances()) == [("1", "a", 1)]
    assert await database.read(tables) == {"balances_v2", "other_v1"}


async def test_a_missing_table_and_a_new_model_are_built_from_the_log(database: SqlDatabase) -> None:
    history = History()
    projection = await opened(database, history, balances())
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    await opened(database, history, balances(), balances(name="newcomer"))
    assert await database.read(rows_of, balances(name="newcomer")) == [("1", "a", 0)]
    await database.write(lambda conn: conn.exec_driver_sql("DROP TABLE newcomer_v1") and None)
    await opened(database, history, balances(), balances(name="newcomer"))
    assert await database.read(rows_of, balances(name="newcomer")) == [("1", "a", 0)]


async def test_a_replay_gives_the_same_rows_and_works_twice_in_a_row(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(
        [
            *history.happened(account("1"), Opened(owner="a"), Paid(sum=2)),
            *history.happened(account("2"), Opened(owner="b")),
        ]
    )
    before = await database.read(rows_of, model)
    for generation in ("balances_v1_g1", "balances_v1_g2"):
        progress = await replayed(projection, model)
        assert progress[-1] == {"read_model": "balances", "done": 3, "total": 3, "state": "switched"}
        assert await database.read(tables) == {generation}
        assert await database.read(rows_of, model) == before
    await projection.apply(history.happened(account("2"), Paid(sum=9)))
    assert (await database.read(rows_of, model))[1] == ("2", "b", 9)
    assert (await opened(database, history, model)).position == 4


async def test_events_that_arrive_during_a_replay_are_in_the_table_that_is_switched_in(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    async for progress in projection.replay([model]):
        if progress["state"] == "building":
            await projection.apply(history.happened(account("1"), Paid(sum=8)))
    assert projection.position == 2
    assert await database.read(rows_of, model) == [("1", "a", 8)]


async def test_what_an_interrupted_replay_left_is_gone_after_the_next_open(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    replay = projection.replay([model])
    await anext(replay)
    await replay.aclose()
    assert await database.read(tables) == {"balances_v1", "balances_v1_g1"}
    await opened(database, history, model)
    assert await database.read(tables) == {"balances_v1"}


async def test_a_replay_of_several_models_reads_the_log_once(database: SqlDatabase) -> None:
    history, models = History(), [balances(name=f"m{n}") for n in range(3)]
    projection = await opened(database, history, *models)
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    log = projection._log
    asked: list[int] = []

    class Counting(ListLog):
        async def fetch(self, after: int, limit: int, filter: str = ">") -> Any:
            asked.append(after)
            return await super().fetch(after, limit, filter)

    projection._log = Counting(log.history)  # type: ignore[attr-defined]
    await replayed(projection, *models)
    assert asked == [0]


async def test_read_models_of_another_log_are_not_gone_on_with(database: SqlDatabase) -> None:
    history, model = History(), balances()
    await opened(database, history, model)
    with pytest.raises(ForeignLog, match="log-1"):
        await Projection(database, [model], ListLog(history), log_id="log-2").open()


async def test_the_database_bears_witness_of_the_log(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = Projection(database, [model], ListLog(history), log_id="log-1")
    assert await projection.stands() == []
    await projection.open()
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    [stand] = await projection.stands()
    assert (stand.log_id, stand.position, stand.hash) == ("log-1", 1, history.recorded[0].hash)


async def test_a_reset_builds_everything_from_the_log_at_the_next_open(database: SqlDatabase) -> None:
    history, model = History(), balances()
    projection = await opened(database, history, model)
    await projection.apply(history.happened(account("1"), Opened(owner="a")))
    await projection.reset()
    assert await projection.open() == 0
    await projection.apply(history.recorded)
    assert await database.read(rows_of, model) == [("1", "a", 0)]
    assert (await database.read(standings))["balances"].position == 1
