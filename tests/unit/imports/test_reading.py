"""Files to rows: encodings, bad bytes, ragged and endless rows, each named with its line; and where one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cozeloop.importing import pages, survey
from cozeloop.importing.blocks import Open
from cozeloop.importing.pages import PAGE_CHARACTERS, PAGE_ROWS
from cozeloop.importing.rows import FileRow
from cozeloop.importing.text import LONGEST_LINE, UnreadableFile


def file(data: bytes, block: int = 7) -> Open:
    def opened() -> Iterator[bytes]:
        for at in range(0, len(data), block):
            yield data[at : at + block]

    return opened


def read(data: bytes, format: str, *wanted: str, block: int = 7, first: int = 0) -> list[FileRow]:
    opened = file(data, block)
    found = survey(opened, format, wanted)
    every = list(pages(opened, format, found.encoding, wanted, first))
    rows = sorted((each for page in every for each in (*page.good, *page.bad)), key=lambda r: r[0])
    assert [place for place, _ in rows] == list(range(first, found.total))
    return [row for _, row in rows]


def values(data: bytes, format: str, *wanted: str, **how: int) -> list[dict[str, str]]:
    rows = read(data, format, *wanted, **how)
    assert not [row.message for row in rows if row.error]
    return [dict(row.values) for row in rows]


def faults(data: bytes, format: str, *wanted: str) -> list[tuple[int, str]]:
    return [(row.line, row.message) for row in read(data, format, *wanted) if row.error]


TEXTS = '{"a": "é😀漢", "b": 1}\n\n   \n{"a": "second"}\n'
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_lines_of_json_are_read_in_every_encoding(encoding: str, block: int) -> None:
    data = TEXTS.encode(encoding)
    assert values(data, "jsonl", "a", block=max(block, 2)) == [{"a": "é😀漢"}, {"a": "second"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_csv_is_read_in_every_encoding(encoding: str) -> None:
    data = '问题,答案\r\n你好,"一,\n二"\r\n\r\n再见,三'.encode(encoding)
    assert values(data, "csv", "问题", "答案") == [{"问题": "你好", "答案": "一,\n二"}, {"问题": "再见", "答案": "三"}]


def test_bytes_of_another_encoding_are_named_and_not_taken_for_chinese() -> None:
    data = "a,b\ncafé,1\nplain,2\nnaïve,3\n".encode("latin-1")
    wrong = "bytes that are no text of the file's encoding"
    assert faults(data, "csv", "a") == [(2, f"line 2: {wrong}"), (4, f"line 4: {wrong}")]
    assert faults(b'{"a":"x"}\n{"a":"\xff"}\n\xc3', "jsonl", "a") == [(2, f"line 2: {wrong}"), (3, f"line 3: {wrong}")]


def test_utf_32_is_refused_as_a_whole() -> None:
    with pytest.raises(UnreadableFile, match="UTF-32"):
        survey(file("a,b\n".encode("utf-32"), 100), "csv", ["a"])


def test_what_is_no_json_object_is_named_with_its_line() -> None:
    data = b'{"a":1}\n[1]\n\n{"a":\nnull\n{"a":"x\\u0000"}\n{"a":"\\ud800"}\n' + b"[" * 5000 + b'\n{"a":NaN}'
    found = faults(data, "jsonl", "a")
    assert [line for line, _ in found] == [2, 4, 5, 6, 7, 8, 9]
    assert "no JSON object" in found[0][1] and "NUL" in found[3][1]


def test_values_that_are_no_text_are_taken_as_their_json() -> None:
    row = {"a": 1.5, "b": [1, {"c": "é"}], "c": True, "d": None, "e": 123456789012345678901234567890}
    [found] = values(json.dumps(row).encode(), "jsonl", "a", "b", "c", "d", "e", "f")
    assert found == {"a": "1.5", "b": '[1,{"c":"é"}]', "c": "true", "e": "123456789012345678901234567890"}


def test_ragged_rows_are_named_with_their_line() -> None:
    data = b'a,b\n1,2\n1\n1,2,3\n"x\ny",4\n1,2\x00\n'
    found = faults(data, "csv", "a", "b")
    assert found[:2] == [
        (3, "line 3: 1 columns, and the header has 2"),
        (4, "line 4: 3 columns, and the header has 2"),
    ]
    assert found[2][0] == 7 and "NUL" in found[2][1]


def test_a_quote_that_is_never_closed_is_named_where_it_begins() -> None:
    assert faults(b'a,b\n1,2\n"open,3\n4,5\n', "csv", "a") == [(3, "line 3: a quote that is never closed")]


def test_a_line_that_never_ends_is_refused_and_the_next_one_is_read() -> None:
    endless = b'{"a":"' + b"x" * (LONGEST_LINE + 10) + b'"}\n{"a":"next"}\n'
    rows = read(endless, "jsonl", "a", block=1 << 16)
    assert [(row.line, row.error, dict(row.values)) for row in rows] == [(1, 3, {}), (2, 0, {"a": "next"})]
    rows = read(b"a\n" + b"x" * (LONGEST_LINE + 10) + b"\nnext\n", "csv", "a", block=1 << 16)
    assert [(row.line, bool(row.error), dict(row.values)) for row in rows] == [(2, True, {}), (3, False, {"a": "next"})]


def test_a_record_of_endless_lines_does_not_hold_them_all() -> None:
    data = b"a,b\n" + (b'"' + b"x" * 1000 + b'\n",') * (LONGEST_LINE // 500) + b"\n"
    rows = read(data, "csv", "a", block=1 << 16)
    assert rows[0].error and "characters" in rows[0].message


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "line 1.*empty"),
        (b"\n\n", "empty"),
        (b"b,c\n1,2\n", "no column 'a'"),
        (b"a,a\n1,2\n", "more than one column 'a'"),
        (b'"a', "header"),
    ],
)
def test_a_header_that_does_not_serve_refuses_the_file(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        survey(file(data), "csv", ["a"])


def test_a_header_without_rows_is_an_empty_file() -> None:
    assert survey(file(b"a,b\n"), "csv", ["a"]).total == 0
    assert survey(file(b""), "jsonl", ["a"]).total == 0


MIXED = "".join(f'{{"a": "row {n}"}}\n' if n % 7 else "broken\n\n" for n in range(2000)).encode()
TABLE = b"a,b\n" + "".join(f'"row\n{n}",x\n' if n % 7 else "ragged\n" for n in range(2000)).encode()


@pytest.mark.parametrize(("data", "format"), [(MIXED, "jsonl"), (TABLE, "csv")])
@pytest.mark.parametrize("first", [0, 1, 499, 500, 1203, 1999, 2000, 5000])
def test_what_goes_on_from_a_row_reads_what_would_have_followed(data: bytes, format: str, first: int) -> None:
    opened = file(data, 4096)
    every = [each for page in pages(opened, format, "utf-8", ["a"], 0) for each in (*page.good, *page.bad)]
    rest = [each for page in pages(opened, format, "utf-8", ["a"], first) for each in (*page.good, *page.bad)]
    assert sorted(rest) == [each for each in sorted(every) if each[0] >= first]


def test_a_page_holds_no_more_than_an_event_does() -> None:
    data = "".join(json.dumps({"a": "x" * (n % 50) * 100}) + "\n" for n in range(3000)).encode()
    found = list(pages(file(data, 4096), "jsonl", "utf-8", ["a"], 0))
    assert [page.first for page in found] == [sum(p.read for p in found[:i]) for i in range(len(found))]
    assert max(page.read for page in found) <= PAGE_ROWS
    sizes = [sum(len(row.values["a"]) for _, row in page.good) for page in found]
    assert max(sizes) <= PAGE_CHARACTERS + 5000
