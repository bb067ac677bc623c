"""Specifications of projectors: these events happened, then the read model holds these rows.

    def test_a_renamed_prompt_is_listed_under_its_new_name() -> None:
        (
            Projected(PROMPT_LIST)
            .happened(Stream("7", "prompts", "100"), PromptCreated(...), PromptRenamed(...))
            .then_rows({"id": "100", "name": "new"})          # only the columns named are compared
        )

    rows, total = Projected(PROMPT_LIST).happened(stream, PromptCreated(...)).query(list_prompts, "7", 1, 20)

Events get running positions over the whole log and running versions in their stream. An event happens one second
after the one before, the first at `BEGIN`; ``happened(..., at=..., actor=...)`` says otherwise. Several read models
may be named, ``Projected(A, B)``: a query may use them all, ``then_rows`` speaks of the first, ``then_rows_of`` of any.
A projector that raises fails the specification. `History` makes the events alone, for specifications of other kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine, select

from cozeloop.projecting.folding import Fold, execute, gather
from events.event import Event, Metadata, Recorded, Stream
from infra.sql.dialect import create_table
from projections.projector import ReadModel

P = ParamSpec("P")
T = TypeVar("T")

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
"""When the first event happens unless a specification says otherwise."""


class History:
    """Events as they would lie in the log: running positions, running versions, one second apart."""

    def __init__(self) -> None:
        self.recorded: list[Recorded[Any]] = []
        self._versions: Counter[str] = Counter()

    def happened(
        self, stream: Stream, *events: Event, actor: str = "1", at: datetime | None = None, command_id: str = ""
    ) -> list[Recorded[Any]]:
        """Appends the events as one command's and returns them; ``command_id`` is made from the position if empty."""
        appended = []
        command_id = command_id or f"{len(self.recorded) + 1:032x}"
        for event in events:
            position = len(self.recorded) + 1
            self._versions[str(stream)] += 1
            when = at or BEGIN + timedelta(seconds=position - 1)
            appended.append(
                Recorded(
                    event=event,
                    stream=stream,
                    version=self._versions[str(stream)],
                    position=position,
                    id=f"{command_id}-{position}",
                    recorded_at=when,
                    meta=Metadata(actor=actor, command_id=command_id, occurred_at=when, command_digest="d" * 8),
                    hash=f"{position:064x}",
                )
            )
            self.recorded.append(appended[-1])
        return appended


class Projected:
    """Read models over an in-memory database, folded by the runner's own code; any exception comes through."""

    def __init__(self, model: ReadModel, *others: ReadModel) -> None:
        self._model = model
        self._folds = {m.name: Fold(m, f"{m.name}_v{m.version}") for m in (model, *others)}
        self._history = History()
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._engine = engine.execution_options(live_tables={name: f.table for name, f in self._folds.items()})
        with self._engine.begin() as conn:
            for fold in self._folds.values():
                create_table(conn, fold.table)

    def happened(self, stream: Stream, *events: Event, actor: str = "1", at: datetime | None = None) -> Self:
        """The events happened in this stream, after all that happened before."""
        with self._engine.begin() as conn:
            for recorded in self._history.happened(stream, *events, actor=actor, at=at):
                for fold in self._folds.values():
                    runs: list[Any] = []
                    for project in fold.projects(type(recorded.event)):
                        gather(project(recorded), runs)
                    execute(conn, runs)
        return self

    def rows(self, model: ReadModel | None = None) -> list[dict[str, Any]]:
        """The rows of the first (or the named) read model in the order of their key."""
        table = self._folds[(model or self._model).name].table
        with self._engine.connect() as conn:
            return [dict(r._mapping) for r in conn.execute(select(table).order_by(*table.primary_key))]

    def then_rows(self, *rows: Mapping[str, Any]) -> Self:
        """The first read model holds exactly these rows, in any order, in the columns that each one names."""
        return self.then_rows_of(self._model, *rows)

    def then_rows_of(self, model: ReadModel, *rows: Mapping[str, Any]) -> Self:
        """The named read model holds exactly these rows, in any order, in the columns that each one names."""
        left = self.rows(model)
        for row in rows:
            found = next((r for r in left if all(k in r and r[k] == v for k, v in row.items())), None)
            assert found is not None, f"no row has {dict(row)!r}; left are {left!r}"
            left.remove(found)
        assert not left, f"rows that were not expected: {left!r}"
        return self

    def query(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a query function answers."""
        with self._engine.connect() as conn:
            return fn(conn, *args, **kwargs)
