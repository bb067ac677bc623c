"""V1: each release reads the events of every release before it, and no released event is edited."""

import hashlib
import json
from pathlib import Path

import pytest

from events import EVENTS
from events.event import Unrecognised

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = sorted(GOLDEN.glob("*.json"))
SUMS = dict(reversed(line.split()) for line in (GOLDEN / "SHA256SUMS").read_text().splitlines())


@pytest.mark.parametrize("name", sorted(set(EVENTS) - {Unrecognised.__name__}))
def test_every_event_has_the_golden_file_of_its_version(name):
    path = GOLDEN / f"{name}.v{EVENTS[name].schema_version}.json"
    assert path.exists(), "run `python -m tests.golden` and commit what it writes"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_golden_event_is_read_by_this_release(path):
    golden = json.loads(path.read_text())
    cls = EVENTS[golden["type"]]
    payload = golden["payload"]
    for version in range(golden["schema_version"], cls.schema_version):
        payload = cls.upcasts[version](payload)
    event = cls.model_validate(payload)
    if golden["schema_version"] == cls.schema_version:
        assert event.model_dump(mode="json") == golden["payload"], "a released payload changed: raise schema_version"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_released_golden_file_was_not_edited(path):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SUMS[path.name]


def test_no_golden_file_of_a_released_event_is_missing():
    assert {p.name for p in FILES} == set(SUMS)
