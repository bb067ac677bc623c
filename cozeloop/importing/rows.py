"""Lines to rows: each a mapping from the file's columns to texts, or the reason why it is none, named with its line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from cozeloop.importing.text import LONGEST_LINE, UNDECODED, Line, UnreadableFile

MALFORMED = 5
TOO_LARGE = 3
"""The contract's error types."""
_UNTIDY = re.compile("[\0\ud800-\udfff]")
_LONG_NUMBER = re.compile(r"[:\[,\s]-?\d[\d.]{16}")
"""A number that the fast parser might round."""

csv.field_size_limit(LONGEST_LINE)


class FileRow(NamedTuple):
    """A row by its line; ``values`` of the columns that were asked for, or the error's type and text."""

    line: int
    values: Mapping[str, str]
    error: int = 0
    message: str = ""


def json_rows(lines: Iterable[Line], wanted: Collection[str]) -> Iterator[FileRow]:
    """An object a line; empty lines are passed over. What is no text is taken as its JSON, null as nothing."""
    for line in lines:
        if not line.text.strip():
            continue
        if broken := _unreadable(line):
            yield broken
            continue
        try:
            found = _parsed(line.text)
        except (ValueError, RecursionError) as error:
            yield _malformed(line.number, f"no JSON: {_short(error)}")
            continue
        if not isinstance(found, dict):
            yield _malformed(line.number, "no JSON object")
            continue
        values = {name: _text(value) for name in wanted if (value := found.get(name)) is not None}
        yield _tidy(line.number, values)


def csv_rows(lines: Iterable[Line], wanted: Collection[str]) -> Iterator[FileRow]:
    """Comma-separated rows under a header; empty lines are passed over. Raises UnreadableFile for its header."""
    records = _records(iter(lines))
    first, header, fault = next(records, (1, [], "the file is empty"))
    if fault:
        raise UnreadableFile(f"line {first}: the header cannot be read: {fault}")
    places = _places(header, wanted)
    for line, cells, fault in records:
        if fault:
            yield _malformed(line, fault)
        elif len(cells) != len(header):
            yield _malformed(line, f"{len(cells)} columns, and the header has {len(header)}")
        elif any(UNDECODED in cell for cell in cells):
            yield _malformed(line, "bytes that are no text of the file's encoding")
        else:
            yield _tidy(line, {name: cells[place] for name, place in places.items()})


def _records(lines: Iterator[Line]) -> Iterator[tuple[int, list[str], str]]:
    """First line, cells, and what is wrong with them; a record may go over several lines, within bounds."""
    feed = _Feed(lines)
    while not feed.ended:
        reader = csv.reader(feed, strict=True)
        try:
            for cells in reader:
                begin = feed.begin()
                if cells:
                    yield begin, cells, ""
        except csv.Error as error:
            unclosed = str(error) == "unexpected end of data"
            yield feed.begin(), [], "a quote that is never closed" if unclosed else _short(error)
        except _TooMuch:
            yield feed.begin(), [], f"a record of more than {LONGEST_LINE} characters"


class _TooMuch(Exception):
    """A record goes over more text than is kept of one."""


class _Feed:
    """Lines for the parser, counted since the last record began; what follows a refused one is a new record."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._first = 0
        self._taken = 0
        self.ended = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self._first = self._first or line.number
        self._taken += len(line.text)
        if line.cut or self._taken > LONGEST_LINE:
            raise _TooMuch
        return line.text

    def begin(self) -> int:
        """The first line of the record that was just ended; the next one begins behind it."""
        first, self._first, self._taken = self._first, 0, 0
        return first


def _places(header: list[str], wanted: Collection[str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    for name in wanted:
        if names.count(name) != 1:
            what = "has no column" if name not in names else "has more than one column"
            raise UnreadableFile(f"the file {what} {name[:64]!r}; its header: {', '.join(names)[:200]}")
    return {name: names.index(name) for name in wanted}


def _unreadable(line: Line) -> FileRow | None:
    if line.cut:
        return FileRow(line.number, {}, TOO_LARGE, f"line {line.number}: more than {LONGEST_LINE} characters")
    if UNDECODED in line.text:
        return _malformed(line.number, "bytes that are no text of the file's encoding")
    return None


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant) if _LONG_NUMBER.search(text) else orjson.loads(text)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tidy(line: int, values: Mapping[str, str]) -> FileRow:
    for name, text in values.items():
        if found := _UNTIDY.search(text):
            what = "a NUL character" if found[0] == "\0" else "a lone surrogate"
            return _malformed(line, f"column {name[:64]!r} holds {what}")
    return FileRow(line, values)


def _malformed(line: int, message: str) -> FileRow:
    return FileRow(line, {}, MALFORMED, f"line {line}: {message}")


def _short(error: BaseException) -> str:
    return _UNTIDY.sub("\N{REPLACEMENT CHARACTER}", str(error))[:200]
