"""Where process managers keep their state: one row an experiment, and the position that all of them stand at.

`replay` never touches these tables. They are folded from the log, so a lost database is folded anew at the next start.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from cozeloop.workflows.experiments import Experiment, Phase, Run
from infra.sql.dialect import create_table, drop_tables

NAME = "experiments-2"
"""The state's generation: another name begins at the log's beginning."""
FORMER = "workflow_runs"
METADATA = MetaData()
STATES = Table(
    "workflow_experiments",
    METADATA,
    Column("experiment_id", String(20), primary_key=True),
    Column("over", Integer, nullable=False),
    Column("state", Text(16777215), nullable=False),
)
POSITIONS = Table(
    "workflow_positions",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)


def load(conn: Connection) -> tuple[int, list[Experiment]]:
    """Where the process manager stands, and what is not over; makes the tables when they are missing."""
    create_table(conn, STATES)
    create_table(conn, POSITIONS)
    position = conn.scalar(select(POSITIONS.c.position).where(POSITIONS.c.name == NAME))
    if position is None:
        conn.execute(delete(STATES))
        drop_tables(conn, [FORMER])
        conn.execute(insert(POSITIONS), {"name": NAME, "position": 0})
    return position or 0, [decode(s) for s in conn.scalars(select(STATES.c.state).where(STATES.c.over == 0))]


def find(conn: Connection, experiment_ids: Sequence[str]) -> list[Experiment]:
    """These experiments as they were when they were saved last."""
    found = conn.scalars(select(STATES.c.state).where(STATES.c.experiment_id.in_(list(experiment_ids))))
    return [decode(state) for state in found]


def store(conn: Connection, position: int, experiments: Sequence[Experiment]) -> None:
    """State and position, in the caller's transaction."""
    if experiments:
        rows = [{"experiment_id": e.experiment_id, "over": int(not e.runs), "state": encode(e)} for e in experiments]
        conn.execute(delete(STATES).where(STATES.c.experiment_id.in_([r["experiment_id"] for r in rows])))
        conn.execute(insert(STATES), rows)
    conn.execute(update(POSITIONS).where(POSITIONS.c.name == NAME).values(position=position))


def encode(experiment: Experiment) -> str:
    """As JSON; bit sets as hexadecimal digits."""
    runs = [
        {
            **vars(run),
            "items": hex(run.items),
            "settled": hex(run.settled),
            "failed": hex(run.failed),
        }
        for run in experiment.runs.values()
    ]
    state = {**vars(experiment), "succeeded": hex(experiment.succeeded), "runs": runs}
    return orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS).decode()


def decode(text: str) -> Experiment:
    """What `encode` made."""
    state = orjson.loads(text)
    runs = [
        Run(
            **{
                **run,
                "phase": Phase(run["phase"]),
                "earlier": tuple(run["earlier"]),
                "items": int(run["items"], 16),
                "settled": int(run["settled"], 16),
                "failed": int(run["failed"], 16),
                "partial": {int(k): v for k, v in run["partial"].items()},
            }
        )
        for run in state["runs"]
    ]
    return Experiment(
        **{
            **state,
            "known": tuple(state["known"]),
            "succeeded": int(state["succeeded"], 16),
            "runs": {run.run_id: run for run in runs},
        }
    )
