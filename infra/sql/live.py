"""Which table a read model's queries use, and what becomes of a query that a switch overtakes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")


class LiveTables:
    """Replaced whole at a switch, so that one query sees one generation of every read model."""

    def __init__(self) -> None:
        self.tables: Mapping[str, Table] = MappingProxyType({})

    def switch(self, tables: Mapping[str, Table]) -> None:
        """From now on these tables are live."""
        self.tables = MappingProxyType({**self.tables, **tables})

    async def query(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Runs a query; again when a switch dropped its table meanwhile, or its pooled connection turned out dead."""
        tables = self.tables
        try:
            return await attempt()
        except DBAPIError as error:
            if tables is self.tables and not error.connection_invalidated:
                raise
        return await attempt()
