"""The read side's own tables: where each read model stands, what is parked, and who runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, bindparam, delete, inspect, select, update

from events.event import Recorded
from infra.sql.dialect import LongText, Micros, change, create_table, key, upsert
from projections.projector import ReadModel

_metadata = MetaData()

STANDINGS = Table(
    "read_models",
    _metadata,
    Column("name", key(64), primary_key=True),
    Column("live_table", key(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", Micros, nullable=False),
    Column("log_id", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("stopped", LongText, nullable=False),
)
"""One row per read model. ``live_table`` is what queries use; ``stopped`` says why the model goes no further."""

PARKED = Table(
    "parked",
    _metadata,
    Column("table_name", key(64), primary_key=True),
    Column("position", Micros, primary_key=True, autoincrement=False),
    Column("model", key(64), nullable=False),
    Column("stream", key(600), nullable=False),
    Column("error", LongText, nullable=False),
)
"""One row per event that a table should hold and does not."""

RUNNER = Table(
    "projector",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", Micros, nullable=False),
)
"""One row: the token of the runner that opened these tables last."""

STAND = upsert(STANDINGS, ["name"])
_FIRST = upsert(RUNNER, ["id"], ())
PARK = upsert(PARKED, ["table_name", "position"])
STOP = change(STANDINGS, ["name"], ["stopped"])

_at = STANDINGS.c
_named = _at.name.in_(bindparam("names", expanding=True))
ADVANCE = (
    update(STANDINGS)
    .where(_named, _at.position == bindparam("old"))
    .values(position=bindparam("new"), hash=bindparam("new_hash"))
)
SWITCH = (
    update(STANDINGS)
    .where(
        _at.name == bindparam("new_name"), _at.live_table == bindparam("old_table"), _at.position == bindparam("old")
    )
    .values({c.name: bindparam(f"new_{c.name}") for c in STANDINGS.columns})
)
OUTDATE = update(STANDINGS).where(_named).values(version=-1)


@dataclass(frozen=True)
class Standing:
    """How far a read model has come, in which log, and the hash of the event it stands at."""

    name: str
    live_table: str
    version: int
    position: int
    log_id: str
    hash: str
    stopped: str = ""


def create_tables(conn: Connection) -> None:
    """Creates the tables unless they exist."""
    create_table(conn, STANDINGS)
    create_table(conn, PARKED)
    create_table(conn, RUNNER)


def standings(conn: Connection, create: bool = True) -> dict[str, Standing]:
    """Every model's row by name; with ``create=False`` also on a database where nothing was ever created."""
    if not create and not inspect(conn).has_table(STANDINGS.name):
        return {}
    return {row.name: Standing(**row._mapping) for row in conn.execute(select(STANDINGS))}


def put_standing(conn: Connection, rows: Sequence[Standing]) -> None:
    """Writes the rows over what was there."""
    conn.execute(STAND, [asdict(row) for row in rows])


def take_token(conn: Connection) -> int:
    """A token that no runner had before: whoever opened these tables earlier builds no more on them."""
    conn.execute(_FIRST, {"id": 1, "token": 0})
    conn.execute(update(RUNNER).values(token=RUNNER.c.token + 1))
    token: int = conn.scalars(select(RUNNER.c.token)).one()
    return token


def holds_token(conn: Connection, token: int) -> bool:
    """Whether no other runner has opened the tables since; none does before this transaction's end."""
    return conn.scalars(select(RUNNER.c.token).with_for_update()).one() == token


def advance(conn: Connection, names: Sequence[str], old: int, new: int, hash: str) -> int:
    """Moves the models from one position to another; returns how many stood at the old one."""
    return conn.execute(ADVANCE, {"names": names, "old": old, "new": new, "new_hash": hash}).rowcount


def switch_live(conn: Connection, old_table: str, old: int, new: Standing) -> int:
    """Puts the new standing for the old one; returns 1 when the model was as the caller thinks, else 0."""
    params = {f"new_{k}": v for k, v in asdict(new).items()}
    return conn.execute(SWITCH, {**params, "old_table": old_table, "old": old}).rowcount


def stop(conn: Connection, name: str, reason: str) -> None:
    """Writes down why the model goes no further."""
    conn.execute(STOP, {"k_name": name, "stopped": reason})


def forget_versions(conn: Connection, names: Sequence[str]) -> None:
    """Makes the tables of these models look outdated: they are built anew at the next open."""
    conn.execute(OUTDATE, {"names": names})


def parked_streams(conn: Connection, table_name: str) -> set[str]:
    """The streams that are parked for one table."""
    return set(conn.execute(select(PARKED.c.stream).where(PARKED.c.table_name == table_name).distinct()).scalars())


@dataclass(frozen=True)
class Parked:
    """A stream that a read model could not take: from ``position`` on its events wait, ``events`` of them by now."""

    model: str
    stream: str
    position: int
    events: int
    error: str


def parked(conn: Connection, create: bool = True) -> list[Parked]:
    """Every parked stream of the live tables, with its first event's error, by read model and position."""
    live = {s.live_table for s in standings(conn, create).values()}
    if not live:
        return []
    t = PARKED.c
    rows = conn.execute(select(PARKED).where(t.table_name.in_(sorted(live))).order_by(t.model, t.position))
    found: dict[tuple[str, str], Parked] = {}
    for row in rows:
        before = found.get((row.model, row.stream))
        seen = before or Parked(row.model, row.stream, row.position, 0, row.error)
        found[row.model, row.stream] = replace(seen, events=seen.events + 1)
    return sorted(found.values(), key=lambda p: (p.model, p.position))


def forget_parked(conn: Connection, table_names: Sequence[str], stream: str = "") -> None:
    """Deletes what was parked for tables that are dropped or begun anew, or one stream of it that is applied now."""
    where = [PARKED.c.table_name.in_(table_names), *([PARKED.c.stream == stream] if stream else [])]
    conn.execute(delete(PARKED).where(*where))


def empty_notes(conn: Connection, space: str) -> None:
    """Takes the texts of errors in a space's streams away: a projector's complaint may quote content."""
    if inspect(conn).has_table(PARKED.name):
        of_space = PARKED.c.stream.startswith(f"{space}.", autoescape=True)
        conn.execute(update(PARKED).where(of_space).values(error="erased with its space"))


def parked_row(model: str, table_name: str, recorded: Recorded[Any], error: str) -> Mapping[str, Any]:
    """The row of an event that is not applied. NULs are taken out: PostgreSQL refuses them."""
    return {
        "table_name": table_name,
        "position": recorded.position,
        "model": model,
        "stream": str(recorded.stream),
        "error": error.replace("\x00", "�").encode("utf-8", "replace").decode()[:10_000],
    }


def table_name(model: ReadModel, generation: int) -> str:
    """``<name>_v<version>``, and ``_g<generation>`` from the second generation on."""
    return f"{model.name}_v{model.version}" + (f"_g{generation}" if generation else "")


def generation_of(name: str) -> int:
    """The generation that a table's name tells."""
    _, mark, digits = name.rpartition("_g")
    return int(digits) if mark and digits.isdigit() else 0
