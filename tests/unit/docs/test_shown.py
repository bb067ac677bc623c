"""What is promised names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "what-shows-it.md").read_text()
SOURCES = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]


def test_every_test_that_is_named_as_showing_something_is_there():
    names = set(re.findall(r"`(test_\w+)`", PAGE))
    there = set(re.findall(r"^ *(?:async )?def (test_\w+)", "\n".join(p.read_text() for p in SOURCES), re.MULTILINE))
    assert len(names) > 50
    assert not names - there


def test_every_file_that_is_named_as_showing_something_is_there():
    named = set(re.findall(r"`((?:tests/)?[\w/]*\w+\.(?:py|yaml|toml)|tests/[\w/]+)`", PAGE))
    assert len(named) > 30
    assert not [name for name in named if not (ROOT / name).exists() and not list(ROOT.glob(f"tests/**/{name}"))]
