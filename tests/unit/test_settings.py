"""Settings that nothing could work with are refused at start, by their names."""

from __future__ import annotations

import pytest

from cozeloop.cli.running import Failed, settings_of
from cozeloop.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("EXPERIMENT_CONCURRENCY", "0"),
        ("EXPERIMENT_CONCURRENCY", "201"),
        ("WORKER_SLOTS", "0"),
        ("DATASET_MAX_ITEMS", "-1"),
        ("MODEL_CALL_TIMEOUT_SECONDS", "0"),
        ("READ_WAIT_SECONDS", "-1"),
    ],
)
def test_a_number_out_of_its_range_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"COZELOOP_{name}", value)
    with pytest.raises(Failed, match=f"COZELOOP_{name}"):
        settings_of()


def test_every_number_has_a_lower_bound() -> None:
    bounded = {name for name, field in Settings.model_fields.items() if field.metadata}
    assert {name for name, field in Settings.model_fields.items() if field.annotation in (int, float)} == bounded
