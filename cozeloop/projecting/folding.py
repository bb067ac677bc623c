"""One table being folded: a batch of events in, the fewest possible statements out.

An event that a projector cannot take (a defect) parks its stream for this table: the event and the later ones of that
stream are written down instead of applied, in the same transaction, and the other streams go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from cozeloop.projecting.tables import PARK, parked_row
from events.event import Event, Recorded
from infra.sql.many import execute_many
from projections.projector import Change, Project, ReadModel

Run = tuple[Executable, list[Mapping[str, Any]]]
"""A statement and every set of parameters that it is executed with, in order."""


class Unfit(Exception):
    """The database refused a change for its content, not for its own state: event by event will tell which."""


@dataclass
class Folded:
    """What a batch comes to for one table. ``parked`` holds the streams that it parks anew."""

    runs: list[Run] = field(default_factory=list)
    parked: set[str] = field(default_factory=set)
    notes: list[Mapping[str, Any]] = field(default_factory=list)


class Fold:
    """A read model on one of its tables. ``parked`` changes only when the transaction is known to be committed."""

    def __init__(self, model: ReadModel, table_name: str, parked: Iterable[str] = ()) -> None:
        self.model = model
        self.table = model.table(table_name)
        self.parked = set(parked)
        self.changed = True
        """Whether the last batch that was committed changed the table."""
        self._mapping = model.projects(self.table)
        self._projects: dict[type[Event], tuple[Project, ...]] = {}

    def projects(self, event: type[Event]) -> tuple[Project, ...]:
        """What is asked for an event of this class; nothing for a class that the model does not name."""
        found = self._projects.get(event)
        if found is None:
            found = tuple(self._mapping[c] for c in (Event, event) if c in self._mapping)
            self._projects[event] = found
        return found

    def wants(self, events: Iterable[type[Event]]) -> bool:
        """Whether an event of one of these classes is asked for."""
        return any(self.projects(event) for event in events)

    def fold(self, batch: Sequence[Recorded[Any]]) -> Folded:
        """The batch's changes in the order of the log; pure."""
        folded = Folded()
        known = self._projects
        for recorded in batch:
            event = type(recorded.event)
            projects = known[event] if event in known else self.projects(event)
            if projects and not self._already_parked(recorded, folded):
                try:
                    changes = [change for project in projects for change in project(recorded)]
                except Exception as error:
                    self._park(recorded, folded, error)
                else:
                    gather(changes, folded.runs)
        return folded

    def write(self, conn: Connection, batch: Sequence[Recorded[Any]]) -> Folded:
        """Folds and executes; raises Unfit when the database refuses a change for its content."""
        folded = self.fold(batch)
        try:
            execute(conn, folded.runs)
        except StatementError as error:
            if of_the_content(error):
                raise Unfit(str(error)) from error
            raise
        self._note(conn, folded)
        return folded

    def write_carefully(self, conn: Connection, batch: Sequence[Recorded[Any]]) -> Folded:
        """Like `write`, each event behind a savepoint of its own, so that only the unfit one is parked."""
        folded = Folded()
        for recorded in batch:
            projects = self.projects(type(recorded.event))
            if not projects or self._already_parked(recorded, folded):
                continue
            savepoint = conn.begin_nested()
            try:
                runs: list[Run] = []
                gather([change for project in projects for change in project(recorded)], runs)
                execute(conn, runs)
                savepoint.commit()
                folded.runs += runs
            except Exception as error:
                if isinstance(error, StatementError) and not of_the_content(error):
                    raise
                savepoint.rollback()
                self._park(recorded, folded, error)
        self._note(conn, folded)
        return folded

    def _already_parked(self, recorded: Recorded[Any], folded: Folded) -> bool:
        if not self.parked and not folded.parked:
            return False
        stream = str(recorded.stream)
        if stream not in self.parked and stream not in folded.parked:
            return False
        folded.notes.append(parked_row(self.model.name, self.table.name, recorded, "an earlier event is parked"))
        return True

    def _park(self, recorded: Recorded[Any], folded: Folded, error: Exception) -> None:
        folded.parked.add(str(recorded.stream))
        text = f"{type(recorded.event).__name__}: {type(error).__name__}: {error}"
        folded.notes.append(parked_row(self.model.name, self.table.name, recorded, text))

    @staticmethod
    def _note(conn: Connection, folded: Folded) -> None:
        if folded.notes:
            conn.execute(PARK, folded.notes)


def gather(changes: Iterable[Change], runs: list[Run]) -> None:
    """Appends the changes; neighbours with the same statement object and the same parameter names become one run."""
    for statement, params in changes:
        if runs:
            last, rows = runs[-1]
            if last is statement and rows[0].keys() == params.keys():
                rows.append(params)
                continue
        runs.append((statement, [params]))


def execute(conn: Connection, runs: Iterable[Run]) -> None:
    """Executes each run as one executemany."""
    for statement, params in runs:
        execute_many(conn, statement, params)


def of_the_content(error: StatementError) -> bool:
    """Whether the values are to blame, and not the database's state (gone, locked, full)."""
    if isinstance(error, OperationalError):
        return False
    return not (isinstance(error, DBAPIError) and error.connection_invalidated)
