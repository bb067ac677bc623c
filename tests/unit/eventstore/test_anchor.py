"""The anchor's file: two places, written in turns, each signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.eventstore.anchor import PLACE_BYTES, AnchorFile
from infra.eventstore.log import Damaged

KEY = b"k" * 32


def written(path: Path, positions: int) -> AnchorFile:
    anchor = AnchorFile(path, KEY)
    for position in range(1, positions + 1):
        anchor.observe([(position, f"{position:064x}")])
        anchor.save()
    return anchor


@pytest.mark.parametrize("positions", [1, 2, 3, 8])
def test_the_newest_of_what_was_written_is_read(tmp_path: Path, positions: int) -> None:
    path = tmp_path / "anchor.json"
    anchor = written(path, positions)
    assert AnchorFile(path, KEY).anchor == anchor.anchor
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size <= 2 * PLACE_BYTES


def test_after_a_restart_the_older_place_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    for restart in range(1, 6):
        anchor = AnchorFile(path, KEY)
        assert anchor.anchor.position == restart - 1
        before = path.read_bytes() if restart > 1 else b""
        anchor.observe([(restart, f"{restart:064x}")])
        anchor.save()
        kept = [before[at : at + PLACE_BYTES] for at in (0, PLACE_BYTES)]
        now = path.read_bytes()
        if restart > 2:
            newer = max(kept, key=lambda place: b'"position": %d,' % (restart - 1) in place)
            assert newer in (now[:PLACE_BYTES], now[PLACE_BYTES:])


@pytest.mark.parametrize("torn", [0, 1])
def test_a_torn_place_leaves_the_other(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "anchor.json"
    written(path, 8)
    text = bytearray(path.read_bytes())
    text[torn * PLACE_BYTES + 40 : (torn + 1) * PLACE_BYTES] = bytes(PLACE_BYTES - 40)
    path.write_bytes(text)
    assert AnchorFile(path, KEY).anchor.position in (7, 8)


def test_an_altered_place_is_refused_whichever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    written(path, 8)
    text = path.read_text()
    for position in (7, 8):
        path.write_text(text.replace(f'"position": {position},', '"position": 9,'))
        with pytest.raises(Damaged, match="signature"):
            AnchorFile(path, KEY)


def test_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    for text in ("", " " * PLACE_BYTES, "{", '{"position": 1'):
        path.write_text(text)
        with pytest.raises(Damaged, match="not readable"):
            AnchorFile(path, KEY)
