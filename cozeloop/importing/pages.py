"""Rows to pages: as many as one event holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from cozeloop.importing.blocks import Open
from cozeloop.importing.rows import FileRow
from cozeloop.importing.survey import rows_of

PAGE_ROWS = 500
PAGE_CHARACTERS = 160 * 1024
"""Text of a page's cells: sealed, with all that stands around it, a page of a usual text still fits its event."""


@dataclass
class Page:
    """The file's rows from ``first`` on, each at its place: those that could be read, and the others."""

    first: int
    good: list[tuple[int, FileRow]] = field(default_factory=list)
    bad: list[tuple[int, FileRow]] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows of the file it covers."""
        return len(self.good) + len(self.bad)


def pages(opened: Open, format: str, encoding: str, wanted: Collection[str], first: int) -> Iterator[Page]:
    """The file's pages from a row on."""
    page, characters = Page(first), 0
    for place, row in enumerate(rows_of(opened, format, encoding, wanted, first), first):
        (page.bad if row.error else page.good).append((place, row))
        characters += sum(map(len, row.values.values())) + len(row.message)
        if page.read >= PAGE_ROWS or characters >= PAGE_CHARACTERS:
            yield page
            page, characters = Page(place + 1), 0
    if page.read:
        yield page
