"""Bytes to lines of text. What cannot be decoded stands as a lone surrogate, so that its line can be named."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple

UTF_8, UTF_16_LE, UTF_16_BE, GB18030 = "utf-8", "utf-16-le", "utf-16-be", "gb18030"
UNDECODED = "\udcff"
LONGEST_LINE = 4 << 20
"""Characters of a line that are kept; a longer one is refused and the rest of it passed over."""
_NAMED = "cozeloop-named"
_CHINESE = 0.9
"""Share of the characters beyond ASCII that have to be common Chinese for a file to be taken as GB18030."""

codecs.register_error(_NAMED, lambda error: (UNDECODED, getattr(error, "end", 0)))


class UnreadableFile(Exception):
    """The file as a whole cannot be imported; the text says why."""


class Line(NamedTuple):
    """A line with its number from 1. ``cut``: it was longer than `LONGEST_LINE`, and is not all of it."""

    number: int
    text: str
    cut: bool = False


def encoding_of(blocks: Iterable[bytes], guess_chinese: bool) -> str:
    """The encoding of a file; reads to its end only when that is in doubt. Raises UnreadableFile."""
    valid = codecs.getincrementaldecoder(UTF_8)("strict")
    chinese = Chinese() if guess_chinese else None
    first, is_utf8 = True, True
    for block in blocks:
        if first:
            first = False
            if marked := _marked(block):
                return marked
        if is_utf8:
            try:
                valid.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        if chinese is not None:
            chinese.look(block)
        elif not is_utf8:
            return UTF_8
    if is_utf8:
        try:
            valid.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    return GB18030 if not is_utf8 and chinese is not None and chinese.likely else UTF_8


def _marked(block: bytes) -> str:
    """What a byte order mark, or the zeros of a first ASCII character, say; empty when nothing does."""
    if block.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UnreadableFile("the file is UTF-32; UTF-8, UTF-16 and, for CSV, GB18030 are read")
    if block.startswith(codecs.BOM_UTF8):
        return UTF_8
    if block.startswith(codecs.BOM_UTF16_LE) or (len(block) > 1 and block[0] and not block[1]):
        return UTF_16_LE
    if block.startswith(codecs.BOM_UTF16_BE) or (len(block) > 1 and not block[0] and block[1]):
        return UTF_16_BE
    return ""


class Chinese:
    """Whether bytes make sense as GB18030: nearly any do, so the characters have to be those that people write."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(GB18030)("strict")
        self._possible = True
        self._beyond = 0
        self._common = 0

    def look(self, block: bytes) -> None:
        """Takes the next block into account."""
        if not self._possible:
            return
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError:
            self._possible = False
            return
        beyond = [c for c in text if c > "\x7f"]
        self._beyond += len(beyond)
        self._common += len("".join(beyond).encode("gb2312", "ignore")) // 2

    @property
    def likely(self) -> bool:
        """Whether it is Chinese so far."""
        return self._possible and self._beyond > 0 and self._common >= self._beyond * _CHINESE


def lines(blocks: Iterable[bytes], encoding: str) -> Iterator[Line]:
    """The lines with their ends, without a byte order mark."""
    decoder = codecs.getincrementaldecoder(encoding)(_NAMED)
    held: list[str] = []
    kept, number, first = 0, 1, True
    for text in _texts(blocks, decoder):
        pieces = (text.removeprefix("\ufeff") if first else text).split("\n")
        first = first and not text
        for piece in pieces[:-1]:
            if kept + len(piece) <= LONGEST_LINE:
                yield Line(number, "".join((*held, piece, "\n")))
            else:
                yield Line(number, "".join((*held, piece))[:LONGEST_LINE], cut=True)
            held.clear()
            kept, number = 0, number + 1
        if kept <= LONGEST_LINE:
            held.append(pieces[-1])
        kept += len(pieces[-1])
    if held and kept:
        yield Line(number, "".join(held)[:LONGEST_LINE], cut=kept > LONGEST_LINE)


def _texts(blocks: Iterable[bytes], decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)
