"""One statement with many sets of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.engine.interfaces import Dialect

from infra.sql.dialect import SUMMED

MANY = 32
"""From here on compiling the statement once costs less than what SQLAlchemy does for each row."""


def execute_many(conn: Connection, statement: Executable, params: Sequence[Mapping[str, Any]]) -> None:
    """Executes the statement with each set, in order. Every set has the same names.

    A long run goes past SQLAlchemy's work for each row, which on SQLite costs as much as the row, and on a server a
    sixth of all. Of a statement that adds the sum of each key is executed. Raises what SQLAlchemy raises.
    """
    if adds := statement.get_execution_options().get(SUMMED):
        params = summed(params, *adds)
    if len(params) < MANY:
        conn.execute(statement, params if len(params) > 1 else params[0])
    else:
        conn.exec_driver_sql(*bound(statement, params, conn.dialect))


def summed(
    params: Sequence[Mapping[str, Any]], keys: Sequence[str], columns: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    """One set for each key, with the sums of these columns; all else as the key's first set has it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in params:
        key = tuple(each[name] for name in keys)
        if (sums := found.get(key)) is None:
            found[key] = dict(each)
        else:
            for name in columns:
                sums[name] += each[name]
    return list(found.values())


def bound(statement: Any, params: Sequence[Mapping[str, Any]], dialect: Dialect) -> tuple[str, list[tuple[Any, ...]]]:
    """The statement as text, and the values of each set in the order of its places."""
    compiled = statement.compile(dialect=dialect, column_keys=list(params[0]))
    names: Sequence[str] = compiled.positiontup
    fixed = {name: value for name, value in compiled.params.items() if name not in params[0]}
    if fixed:
        params = [{**fixed, **each} for each in params]
    processors = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    changed = [(place, process) for place, process in enumerate(processors) if process]
    if not changed:
        return str(compiled), _tuples(params, names)
    rows = [list(row) for row in _tuples(params, names)]
    for place, process in changed:
        for row in rows:
            row[place] = process(row[place])
    return str(compiled), [tuple(row) for row in rows]


def _tuples(params: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    if len(names) == 1:
        return [(each[names[0]],) for each in params]
    return list(map(itemgetter(*names), params))
