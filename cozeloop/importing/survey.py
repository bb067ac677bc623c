"""A file looked through before anything is added: can it be read, in which encoding, how many rows has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cozeloop.importing.blocks import Open
from cozeloop.importing.rows import FileRow, csv_rows, json_rows
from cozeloop.importing.text import encoding_of, lines


@dataclass(frozen=True)
class Survey:
    """What was found."""

    encoding: str
    total: int


def survey(opened: Open, format: str, wanted: Collection[str]) -> Survey:
    """Reads the file twice. Raises UnreadableFile."""
    encoding = encoding_of(opened(), guess_chinese=format == "csv")
    if format == "jsonl":
        return Survey(encoding, sum(1 for line in lines(opened(), encoding) if line.text.strip()))
    return Survey(encoding, sum(1 for _ in csv_rows(lines(opened(), encoding), wanted)))


def rows_of(opened: Open, format: str, encoding: str, wanted: Collection[str], skip: int) -> Iterator[FileRow]:
    """The rows behind the first ``skip``, which are not looked into."""
    if format == "jsonl":
        filled = (line for line in lines(opened(), encoding) if line.text.strip())
        passed(filled, skip)
        return json_rows(filled, wanted)
    rows = csv_rows(lines(opened(), encoding), wanted)
    passed(rows, skip)
    return rows


def passed(iterator: Iterator[object], count: int) -> None:
    """Leaves out the next ones."""
    for _ in range(count):
        if next(iterator, None) is None:
            return
