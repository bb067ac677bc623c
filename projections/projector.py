"""What a read model is: a value. A name, a version, columns, and for each event the rows that it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Constraint, Executable, Index, MetaData, Table
from sqlalchemy.schema import SchemaItem, conv

from events.event import Event, Recorded
from events.spaces import SpaceKeyDestroyed
from infra.sql.dialect import remove

LONGEST_NAME = 63
"""PostgreSQL's limit for the name of a table or index."""

Change = tuple[Executable, Mapping[str, Any]]
"""A prebuilt statement and its parameters. Equal neighbouring statement objects run as one executemany."""

Project = Callable[[Recorded[Any]], Iterable[Change]]
"""An event's changes. Never reads a clock, a random source or the network; raises only for a defect."""


@dataclass(frozen=True)
class ReadModel:
    """One table folded from the log.

    ``columns`` builds fresh columns, constraints and indexes for each generation of the table; name an index for
    what it orders by (``Index("by_space", …)``), the table's name is put before it. ``projector`` builds the
    statements once for a table and returns event class -> project; the key `Event` applies to every event, before
    the specific one. A change of either bumps ``version``: the table is then built anew from the log at start.
    ``of_space`` is the column that names the space whose content a row holds: when that space's key is destroyed,
    its rows go. None says that no row holds anything that a user typed.
    """

    name: str
    version: int
    columns: Callable[[], list[SchemaItem]]
    projector: Callable[[Table], Mapping[type[Event], Project]]
    of_space: str | None = "space_id"

    def projects(self, table: Table) -> Mapping[type[Event], Project]:
        """The projector's mapping, with the end of a space's rows in it."""
        projects = self.projector(table)
        if self.of_space is None:
            return projects
        erase, name = remove(table, [self.of_space]), f"k_{self.of_space}"

        def erased(r: Recorded[SpaceKeyDestroyed]) -> Iterable[Change]:
            return ((erase, {name: r.event.space_id}),)

        return {**projects, SpaceKeyDestroyed: erased}

    def table(self, physical_name: str) -> Table:
        """The table under the name of one generation, in a MetaData of its own."""
        table = Table(physical_name, MetaData(), *self.columns())
        made: list[Index | Constraint] = [*table.indexes, *table.constraints]
        for named in made:
            if isinstance(named.name, str) and not isinstance(named.name, conv):
                name = f"{physical_name}_{named.name}"  # two generations stand side by side in one namespace
                if len(name) > LONGEST_NAME:
                    raise ValueError(f"{name!r} is longer than {LONGEST_NAME} characters")
                named.name = conv(name)
        return table

    def live(self, conn: Connection) -> Table:
        """The generation that queries on this connection use."""
        tables: Mapping[str, Table] = conn.get_execution_options()["live_tables"]
        return tables[self.name]
