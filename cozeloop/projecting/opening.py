"""What a database holds when a projection opens it, and which of it is of use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from cozeloop.projecting.tables import (
    Standing,
    create_tables,
    forget_parked,
    generation_of,
    parked_streams,
    standings,
    take_token,
)
from infra.sql.dialect import drop_tables
from projections.projector import ReadModel


@dataclass(frozen=True)
class Opened:
    """``known``: every row of the models asked for; ``current``: those whose version and table are as they should.

    ``token`` is this runner's from now on.
    """

    known: Mapping[str, Standing]
    current: Mapping[str, Standing]
    parked: Mapping[str, set[str]]
    next_generation: Mapping[str, int]
    token: int


def look_around(conn: Connection, models: Mapping[str, ReadModel]) -> Opened:
    """Creates the bookkeeping tables and drops tables that no row names: what an interrupted building left."""
    create_tables(conn)
    token = take_token(conn)
    tables = set(inspect(conn).get_table_names())
    known = {name: s for name, s in standings(conn).items() if name in models}
    live = {s.live_table for s in known.values()}
    generations = {}
    for name, model in models.items():
        standing = known.get(name)
        same = standing is not None and standing.version == model.version
        generations[name] = generation_of(standing.live_table) + 1 if standing and same else 0
        left = [t for t in tables - live if re.fullmatch(rf"{re.escape(name)}_v\d+(_g\d+)?", t)]
        if left:
            drop_tables(conn, left)
            forget_parked(conn, left)
    current = {
        name: standing
        for name, standing in known.items()
        if standing.version == models[name].version and standing.live_table in tables
    }
    parked = {name: parked_streams(conn, standing.live_table) for name, standing in current.items()}
    return Opened(known, current, parked, generations, token)
